// The guard of RBAC itself: nobody grants rights that they do not have, unless they may `escalate` or `bind`. Throws the
// 403 of a refused grant; asked before a role or binding is stored.
import { forbidden, notFound } from '../errors/status.ts';
import type { ApiObject, ServedResource, User } from '../registry/types.ts';
import { asString, member } from '../schema/json.ts';
import type { Rbac } from './rbac.ts';
import { masters } from './rbac.ts';
import { compacted, rulesOf, shownRule, uncovered } from './rules.ts';
import type { PolicyRule } from './rules.ts';

const group = 'rbac.authorization.k8s.io';

/** @throws ApiFailure 403 when the object would grant more than the user holds, 404 when the bound role is not there. Other kinds pass. */
export function refuseEscalation(
  rbac: Rbac,
  user: User,
  resource: ServedResource,
  object: ApiObject,
  namespace: string,
): void {
  if (resource.group !== group || user.groups.includes(masters)) return;
  const may = (verb: 'escalate' | 'bind', plural: string, name: string) =>
    rbac.authorize(user, { type: 'resource', verb, group, version: 'v1', resource: plural, namespace, name }).allowed;
  const name = object.metadata?.name ?? '';
  if (resource.plural === 'roles' || resource.plural === 'clusterroles') {
    if (!may('escalate', resource.plural, name)) refuse(rbac, user, resource, name, namespace, rulesOf(object));
    return;
  }
  const [kind, roleName] = [asString(member(object, 'roleRef', 'kind')), asString(member(object, 'roleRef', 'name'))];
  if (may('bind', kind === 'Role' ? 'roles' : 'clusterroles', roleName)) return;
  const rules = rbac.rulesOfRole(kind, namespace, roleName);
  // What a role will grant that is yet to be made, nobody can tell.
  if (rules === undefined) throw notFound({ group, plural: kind === 'Role' ? 'roles' : 'clusterroles' }, roleName);
  refuse(rbac, user, resource, name, namespace, rules);
}

function refuse(
  rbac: Rbac,
  user: User,
  resource: ServedResource,
  name: string,
  namespace: string,
  wanted: readonly PolicyRule[],
): void {
  const owned = rbac.rulesFor(user, namespace).map(({ rule }) => rule);
  const missing = wanted.flatMap((rule) => uncovered(owned, rule));
  if (missing.length === 0) return;
  const shown = [...new Set(compacted(missing).map(shownRule))].sort();
  const groups = user.groups.map((entry) => JSON.stringify(entry)).join(' ');
  throw forbidden(
    resource,
    name,
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${shown.join('\n')}`,
  );
}
