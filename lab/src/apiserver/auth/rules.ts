// Policy rules of RBAC: whether one covers a request, and whether a set of them covers another rule. Pure.
import type { Attributes } from '../registry/types.ts';
import { asArray, asRecord, stringsOf } from '../schema/json.ts';

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

export function rulesOf(role: Readonly<Record<string, unknown>>): PolicyRule[] {
  return asArray(role['rules']).map((item) => {
    const rule = asRecord(item);
    return {
      verbs: stringsOf(rule['verbs']),
      apiGroups: stringsOf(rule['apiGroups']),
      resources: stringsOf(rule['resources']),
      resourceNames: stringsOf(rule['resourceNames']),
      nonResourceURLs: stringsOf(rule['nonResourceURLs']),
    };
  });
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

function coversResource(resources: readonly string[], resource: string, subresource: string): boolean {
  if (resources.includes('*')) return true;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.includes(full) || (subresource !== '' && resources.includes(`*/${subresource}`));
}

/** `/api/*` covers everything below; a single `*` covers all. */
function coversPath(urls: readonly string[], path: string): boolean {
  return urls.some((url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))));
}

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (attributes.type === 'path') return coversPath(rule.nonResourceURLs, attributes.path);
  if (!has(rule.apiGroups, attributes.group)) return false;
  if (!coversResource(rule.resources, attributes.resource, attributes.subresource ?? '')) return false;
  return rule.resourceNames.length === 0 || rule.resourceNames.includes(attributes.name ?? '');
}

/** The parts of `wanted` that none of the `owned` rules cover: what granting it would give beyond one's own rights. */
export function uncovered(owned: readonly PolicyRule[], wanted: PolicyRule): PolicyRule[] {
  const names = wanted.resourceNames.length === 0 ? [undefined] : wanted.resourceNames;
  const missing: PolicyRule[] = [];
  for (const verb of wanted.verbs) {
    for (const path of wanted.nonResourceURLs) {
      if (!owned.some((rule) => has(rule.verbs, verb) && coversPath(rule.nonResourceURLs, path))) {
        missing.push({ verbs: [verb], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [path] });
      }
    }
    for (const group of wanted.apiGroups) {
      for (const resource of wanted.resources) {
        for (const name of names) {
          if (owned.some((rule) => ownsCell(rule, { verb, group, resource, name }))) continue;
          missing.push({
            verbs: [verb],
            apiGroups: [group],
            resources: [resource],
            resourceNames: name === undefined ? [] : [name],
            nonResourceURLs: [],
          });
        }
      }
    }
  }
  return missing;
}

/** The rules with the verbs of those joined that are over the same one resource (and object); the others as they are. */
export function compacted(rules: readonly PolicyRule[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups, resources, resourceNames, nonResourceURLs } = rule;
    const simple =
      nonResourceURLs.length === 0 && apiGroups.length === 1 && resources.length === 1 && resourceNames.length <= 1;
    if (!simple) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([apiGroups, resources, resourceNames]);
    const verbs = [...(joined.get(key)?.verbs ?? []), ...rule.verbs];
    joined.set(key, { ...rule, verbs: [...new Set(verbs)] });
  }
  return [...joined.values(), ...others];
}

interface Cell {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string | undefined;
}

function ownsCell(rule: PolicyRule, { verb, group, resource, name }: Cell): boolean {
  const [base = '', subresource = ''] = resource.split('/');
  if (!has(rule.verbs, verb) || !has(rule.apiGroups, group)) return false;
  if (!rule.resources.includes(resource) && !coversResource(rule.resources, base, subresource)) return false;
  return rule.resourceNames.length === 0 || (name !== undefined && rule.resourceNames.includes(name));
}

/** Go's printed form of a rule, in which an escalation is reported. */
export function shownRule(rule: PolicyRule): string {
  const list = (values: readonly string[]) => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
  const parts = [
    ...(rule.nonResourceURLs.length > 0 ? [`NonResourceURLs:${list(rule.nonResourceURLs)}`] : []),
    ...(rule.apiGroups.length > 0 ? [`APIGroups:${list(rule.apiGroups)}`] : []),
    ...(rule.resources.length > 0 ? [`Resources:${list(rule.resources)}`] : []),
    ...(rule.resourceNames.length > 0 ? [`ResourceNames:${list(rule.resourceNames)}`] : []),
    `Verbs:${list(rule.verbs)}`,
  ];
  return `{${parts.join(', ')}}`;
}
