// The resources that are served right now: the built-in kinds plus those of the established CRDs. Rebuilt whenever the
// server tells of a change; readers always see one whole picture.
import { builtinKinds } from '../builtin/kinds.ts';
import { compareVersions, resourcesOf } from '../crd/served.ts';
import type { ApiObject, Registry, ServedResource } from './types.ts';

/** A registry that also remembers the API services, for discovery of aggregated groups. */
export interface ServingRegistry extends Registry {
  apiServices(): readonly ApiObject[];
}

/** @param builtin what is served without any CRD. */
export function createRegistry(builtin: readonly ServedResource[] = builtinKinds): ServingRegistry {
  let custom: readonly ServedResource[] = [];
  let services: readonly ApiObject[] = [];
  let byKey = index(builtin);
  const callbacks: (() => void)[] = [];
  const made = new Map<string, { version: string; resources: readonly ServedResource[] }>();
  const changed = () => {
    for (const callback of callbacks) callback();
  };
  return {
    find: (group, version, plural) => byKey.get(`${group}/${version}/${plural}`),
    versionsOf: (group, plural) =>
      [...builtin, ...custom]
        .filter((resource) => resource.group === group && resource.plural === plural)
        .sort((a, b) => compareVersions(a.version, b.version)),
    all: () => [...builtin, ...custom],
    apiServices: () => services,
    setCustomResourceDefinitions(crds) {
      custom = crds.flatMap((crd) => remembered(made, crd));
      byKey = index([...builtin, ...custom]);
      changed();
    },
    setApiServices(apiServices) {
      services = apiServices;
      changed();
    },
    onChange: (callback) => void callbacks.push(callback),
  };
}

/** Unchanged CRDs keep their resource objects, so that compiled schemas stay warm. */
function remembered(
  made: Map<string, { version: string; resources: readonly ServedResource[] }>,
  crd: ApiObject,
): readonly ServedResource[] {
  const key = crd.metadata?.uid ?? '';
  const version = crd.metadata?.resourceVersion ?? '';
  const known = made.get(key);
  if (known && known.version === version && version !== '') return known.resources;
  const resources = resourcesOf(crd);
  made.set(key, { version, resources });
  return resources;
}

function index(resources: readonly ServedResource[]): ReadonlyMap<string, ServedResource> {
  return new Map(resources.map((resource) => [`${resource.group}/${resource.version}/${resource.plural}`, resource]));
}
