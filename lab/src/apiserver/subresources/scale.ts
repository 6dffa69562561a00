// The scale subresource: an autoscaling/v1 Scale read from, and written into, the object's replica fields.

import { badRequest, notFound } from '../errors/status.ts';
import { copyOf, isObject, type JsonObject } from '../patch/json-value.ts';
import type { ApiObject, Scale } from '../registry/types.ts';
import { storageKey, inVersion, type Parts } from '../rest/parts.ts';
import { updateObject, type WriteTarget } from '../rest/write.ts';
import { findByJsonPath } from '../crd/json-path.ts';

export function readScale(parts: Parts, target: Pick<WriteTarget, 'resource' | 'namespace' | 'name'>): ApiObject {
  const { resource, namespace, name } = target;
  const stored = parts.store.get(storageKey(resource), namespace, name);
  if (stored === undefined || resource.scale === undefined) throw notFound(resource, name);
  return scaleOf(resource.scale, inVersion(resource, stored));
}

/** @param change makes the new Scale of the present one */
export async function writeScale(
  parts: Parts,
  target: WriteTarget,
  change: (scale: ApiObject) => ApiObject,
): Promise<ApiObject> {
  const { scale } = target.resource;
  if (scale === undefined) throw notFound(target.resource, target.name);
  const updated = await updateObject(parts, target, (live) => {
    const wanted = change(scaleOf(scale, live));
    const replicas = (wanted['spec'] as { replicas?: unknown } | undefined)?.replicas ?? 0;
    if (!Number.isInteger(replicas) || Number(replicas) < 0)
      throw badRequest('spec.replicas must be a whole number, 0 or more');
    const next = copyOf(live);
    setAt(next, scale.specReplicasPath, replicas);
    const { resourceVersion } = wanted.metadata ?? {};
    if (resourceVersion) next.metadata = { ...next.metadata, resourceVersion };
    return { next };
  });
  return scaleOf(scale, updated);
}

function scaleOf(scale: Scale, object: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
  const replicas = findByJsonPath(scale.statusReplicasPath, object)[0] ?? 0;
  const selector =
    scale.labelSelectorPath === undefined ? undefined : findByJsonPath(scale.labelSelectorPath, object)[0];
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp } as NonNullable<ApiObject['metadata']>;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: { replicas: findByJsonPath(scale.specReplicasPath, object)[0] ?? 0 },
    status: { replicas, ...(selector === undefined ? {} : { selector }) },
  };
}

function setAt(object: JsonObject, path: string, value: unknown): void {
  const names = path.split('.').filter((name) => name !== '');
  let node = object;
  for (const name of names.slice(0, -1)) {
    const inner = isObject(node[name]) ? node[name] : {};
    node[name] = inner;
    node = inner;
  }
  node[names.at(-1) ?? ''] = value;
}
