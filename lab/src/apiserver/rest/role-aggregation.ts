// Keeps the rules of aggregated ClusterRoles in step with the roles that they select, so that `kubectl get` shows what
// they grant. A role's own rules are replaced: an aggregated role has no others.

import type { ApiObject } from '../registry/types.ts';
import { objectSelector } from './label-selector.ts';
import { asArray, canonicalJson, member, sameJson } from '../schema/json.ts';
import type { Store } from '../storage/store.ts';

const key = 'rbac.authorization.k8s.io/clusterroles';

/** Call at start, once the roles are there. */
export function followClusterRoles(store: Store): void {
  const sync = (): void => {
    for (const role of store.list(key)) {
      const selectors = member(role, 'aggregationRule', 'clusterRoleSelectors');
      if (!Array.isArray(selectors)) continue;
      const rules = aggregatedRules(store.list(key), role, selectors);
      const stored = store.get(key, '', role.metadata?.name ?? '');
      if (stored !== undefined && !sameJson(stored['rules'] ?? [], rules)) store.put(key, { ...stored, rules }, stored);
    }
  };
  sync();
  // A write of one role may change what another aggregates; the round that changes nothing ends it.
  store.subscribe(key, sync);
}

/** The rules of all selected roles, in the order of their names, each rule once. */
export function aggregatedRules(
  roles: readonly ApiObject[],
  role: ApiObject,
  selectors: readonly unknown[],
): readonly unknown[] {
  const rules = new Map<string, unknown>();
  for (const selector of selectors) {
    for (const candidate of roles) {
      if (candidate.metadata?.name === role.metadata?.name) continue;
      if (!objectSelector(selector)(candidate.metadata?.labels)) continue;
      for (const rule of asArray(candidate['rules'])) rules.set(canonicalJson(rule), rule);
    }
  }
  return [...rules.values()];
}
