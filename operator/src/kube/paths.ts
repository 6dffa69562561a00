// URL paths of the Kubernetes API.
// Promises: refuses a reference that would silently address something else (a missing namespace or name).

import type { ResourceType } from '../api/resources.ts';

/** The path prefix of a type's API version: /api/v1 or /apis/<group>/<version>. */
export function groupVersionPath(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
}

/** `apiVersion` as objects of this type carry it: "v1" or "group/version". */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The path of one object or of one of its subresources ("status", "eviction", "portforward/80"). */
export function objectPath(
  type: ResourceType,
  ref: { readonly namespace?: string | undefined; readonly name: string },
  subresource?: string,
): string {
  if (!ref.name) throw new TypeError(`name: a ${type.kind} is addressed by its name, and none was given`);
  if (type.namespaced && !ref.namespace) {
    throw new TypeError(`namespace: ${type.plural} are namespaced, and "${ref.name}" came without a namespace`);
  }
  const path = `${collectionPath(type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** The path of all objects of a type, in one namespace or (namespace absent) in all of them. */
export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const base = groupVersionPath(type);
  return type.namespaced && namespace
    ? `${base}/namespaces/${encodeURIComponent(namespace)}/${type.plural}`
    : `${base}/${type.plural}`;
}
