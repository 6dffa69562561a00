// An APIService for each group version that this server answers itself, so that `kubectl get apiservices` lists all that
// is served. Those of custom groups come and go with their definitions.

import type { ApiObject } from '../registry/types.ts';
import { apiServiceKey } from '../rest/crd-sync.ts';
import { timestamp } from '../rest/metadata.ts';
import type { Parts } from '../rest/parts.ts';

const managed = 'kube-aggregator.kubernetes.io/automanaged';
/** Group and version priority, as Kubernetes gives them to the core, to its own groups and to custom ones. */
const priorities = { core: [18_000, 1], builtin: [17_800, 15], custom: [1000, 100] } as const;

/** Call at start and after each change of what is served. Leaves alone what somebody else registered. */
export function syncLocalApiServices(parts: Parts): void {
  const { store, registry } = parts;
  const wanted = new Map(
    registry.all().map(({ group, version, custom }) => [`${version}.${group}`, { group, version, custom }]),
  );
  for (const [name, served] of wanted) {
    if (store.get(apiServiceKey, '', name) === undefined) {
      store.put(apiServiceKey, localApiService(parts, name, served), undefined);
    }
  }
  for (const stored of store.list(apiServiceKey)) {
    const gone = stored.metadata?.labels?.[managed] === 'true' && !wanted.has(stored.metadata.name ?? '');
    if (gone) store.remove(apiServiceKey, stored);
  }
}

function localApiService(
  parts: Parts,
  name: string,
  { group, version, custom }: { group: string; version: string; custom: boolean },
): ApiObject {
  const now = timestamp(parts.clock.now());
  const [groupPriorityMinimum, versionPriority] = priorities[group === '' ? 'core' : custom ? 'custom' : 'builtin'];
  const available = {
    type: 'Available',
    status: 'True',
    lastTransitionTime: now,
    reason: 'Local',
    message: 'Local APIServices are always available',
  };
  return {
    kind: 'APIService',
    apiVersion: 'apiregistration.k8s.io/v1',
    metadata: {
      name,
      uid: parts.newUid(),
      creationTimestamp: now,
      labels: { [managed]: custom ? 'true' : 'onstart' },
    },
    spec: { ...(group === '' ? {} : { group }), version, groupPriorityMinimum, versionPriority },
    status: { conditions: [available] },
  };
}
