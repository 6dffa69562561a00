// The RBAC authorizer: which rules bind a user, from the stored roles and bindings. Members of system:masters may do
// everything. Bindings are read anew only when one changed.
import type { ApiObject, Attributes, Authorization, ObjectReader, User } from '../registry/types.ts';
import { asArray, asRecord, asString, isRecord, member } from '../schema/json.ts';
import { objectSelector } from '../rest/label-selector.ts';
import { ruleAllows, rulesOf } from './rules.ts';
import type { PolicyRule } from './rules.ts';

const group = 'rbac.authorization.k8s.io';
export const masters = 'system:masters';

/** A rule with where it comes from, for the reason of a decision. */
export interface GrantedRule {
  readonly rule: PolicyRule;
  readonly source: string;
}

interface Binding {
  readonly object: ApiObject;
  readonly namespace: string;
}

export interface Rbac {
  authorize(user: User, attributes: Attributes): Authorization;
  /** The rules of the user at the cluster scope and in the namespace. */
  rulesFor(user: User, namespace: string): readonly GrantedRule[];
  /** Rules of a role as a binding would grant them, aggregation included; undefined if there is no such role. */
  rulesOfRole(kind: string, namespace: string, name: string): readonly PolicyRule[] | undefined;
}

export function createRbac(reader: ObjectReader): Rbac {
  let seen = '';
  let bindings: readonly Binding[] = [];
  let aggregated = new Map<string, readonly PolicyRule[]>();

  const refresh = () => {
    const plurals = ['rolebindings', 'clusterrolebindings', 'roles', 'clusterroles'];
    const revision = plurals.map((plural) => reader.revision(group, plural)).join('.');
    if (revision === seen) return;
    seen = revision;
    aggregated = new Map();
    bindings = [
      ...reader.list(group, 'clusterrolebindings').map((object) => ({ object, namespace: '' })),
      ...reader.list(group, 'rolebindings').map((object) => ({ object, namespace: object.metadata?.namespace ?? '' })),
    ];
  };

  const rulesOfRole: Rbac['rulesOfRole'] = (kind, namespace, name) => {
    refresh();
    const role =
      kind === 'Role' ? reader.get(group, 'roles', namespace, name) : reader.get(group, 'clusterroles', '', name);
    if (!role) return undefined;
    if (!isRecord(role['aggregationRule'])) return rulesOf(role);
    let rules = aggregated.get(name);
    if (!rules) aggregated.set(name, (rules = aggregate(reader, role)));
    return rules;
  };

  function* granted(user: User, namespace: string): Generator<GrantedRule> {
    refresh();
    for (const binding of bindings) {
      if (binding.namespace !== '' && binding.namespace !== namespace) continue;
      const subject = asArray(binding.object['subjects'])
        .map(asRecord)
        .find((candidate) => isSubject(candidate, user, binding.namespace));
      if (!subject) continue;
      const [kind, name] = [
        asString(member(binding.object, 'roleRef', 'kind')),
        asString(member(binding.object, 'roleRef', 'name')),
      ];
      const source = sourceText(binding, kind, name, subject);
      for (const rule of rulesOfRole(kind, binding.namespace, name) ?? []) yield { rule, source };
    }
  }

  return {
    authorize(user, attributes) {
      if (user.groups.includes(masters)) return { allowed: true, reason: '' };
      const namespace = attributes.type === 'resource' ? (attributes.namespace ?? '') : '';
      for (const { rule, source } of granted(user, namespace))
        if (ruleAllows(rule, attributes)) return { allowed: true, reason: source };
      return { allowed: false, reason: '' };
    },
    rulesFor: (user, namespace) => [...granted(user, namespace)],
    rulesOfRole,
  };
}

/** Rules of every ClusterRole that the aggregation selects, and of the role itself. */
function aggregate(reader: ObjectReader, role: ApiObject): PolicyRule[] {
  const selectors = asArray(member(role, 'aggregationRule', 'clusterRoleSelectors'));
  const found = new Map<string, ApiObject>();
  const visit = (selector: unknown) => {
    for (const candidate of reader.list(group, 'clusterroles')) {
      const name = candidate.metadata?.name ?? '';
      if (name === role.metadata?.name || found.has(name) || !objectSelector(selector)(candidate.metadata?.labels))
        continue;
      found.set(name, candidate);
      for (const inner of asArray(member(candidate, 'aggregationRule', 'clusterRoleSelectors'))) visit(inner);
    }
  };
  for (const selector of selectors) visit(selector);
  return [...rulesOf(role), ...[...found.values()].flatMap(rulesOf)];
}

function isSubject(subject: Record<string, unknown>, user: User, bindingNamespace: string): boolean {
  const name = asString(subject['name']);
  switch (subject['kind']) {
    case 'User':
      return name === user.name || name === '*';
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${asString(subject['namespace']) || bindingNamespace}:${name}`;
    default:
      return false;
  }
}

function sourceText(binding: Binding, roleKind: string, roleName: string, subject: Record<string, unknown>): string {
  const kind = asString(subject['kind']);
  const name = binding.object.metadata?.name ?? '';
  const own = binding.namespace === '' ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${binding.namespace}"`;
  const who =
    kind === 'ServiceAccount'
      ? `"${asString(subject['name'])}/${asString(subject['namespace']) || binding.namespace}"`
      : `"${asString(subject['name'])}"`;
  return `RBAC: allowed by ${own} of ${roleKind} "${roleName}" to ${kind} ${who}`;
}
