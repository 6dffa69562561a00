// Keeps what is served in step with the stored CustomResourceDefinitions and APIServices, and takes the objects of a
// definition that is being deleted away before the definition itself goes.

import type { Logger } from 'pino';
import { ownershipAfterUpdate } from '../apply/apply.ts';
import { objectShape } from '../apply/shape.ts';
import { customResourceDefinitions } from '../crd/kind.ts';
import { crdFinalizer, isTerminating, reconcileCrds } from '../crd/lifecycle.ts';
import type { ApiObject, User } from '../registry/types.ts';
import { deleteObject } from './delete.ts';
import { timestamp } from './metadata.ts';
import { inVersion, storageKey, type Parts } from './parts.ts';

export const crdKey = 'apiextensions.k8s.io/customresourcedefinitions';
export const apiServiceKey = 'apiregistration.k8s.io/apiservices';
const server: User = { name: 'system:apiserver', groups: ['system:masters'] };

/** Call at start and after each change of a definition; afterwards the registry serves what is stored. */
export function syncDefinitions(parts: Parts): void {
  const { store, registry } = parts;
  for (const changed of reconcileCrds(store.list(crdKey), parts.clock.now())) {
    const stored = store.get(crdKey, '', changed.metadata?.name ?? '');
    if (stored !== undefined) store.put(crdKey, ownedByServer(parts, stored, changed), stored);
  }
  registry.setCustomResourceDefinitions(store.list(crdKey));
}

/** The status of a definition is the server's own word. */
function ownedByServer(parts: Parts, stored: ApiObject, changed: ApiObject): ApiObject {
  const shape = objectShape(customResourceDefinitions.schema, customResourceDefinitions);
  return ownershipAfterUpdate(shape, stored, changed, {
    manager: 'kube-apiserver',
    apiVersion: 'apiextensions.k8s.io/v1',
    subresource: 'status',
    time: timestamp(parts.clock.now()),
    reset: [],
  });
}

/** Deletes the objects of definitions that are being deleted; when none is left, the definition goes. */
export async function cleanTerminating(parts: Parts, log: Logger): Promise<void> {
  for (const crd of parts.store.list(crdKey).filter(isTerminating)) {
    const left = await deleteInstances(parts, crd, log);
    if (left === 0) release(parts, crd);
  }
}

async function deleteInstances(parts: Parts, crd: ApiObject, log: Logger): Promise<number> {
  const { group = '', names } = (crd['spec'] ?? {}) as { group?: string; names?: { plural?: string } };
  const resource = parts.registry.versionsOf(group, names?.plural ?? '')[0];
  if (resource === undefined) return parts.store.list(`${group}/${names?.plural ?? ''}`).length;
  const options = {
    dryRun: false,
    gracePeriodSeconds: undefined,
    propagationPolicy: undefined,
    uid: undefined,
    resourceVersion: undefined,
  };
  for (const stored of parts.store.list(storageKey(resource))) {
    const { namespace = '', name = '', deletionTimestamp } = inVersion(resource, stored).metadata ?? {};
    if (deletionTimestamp !== undefined) continue;
    try {
      await deleteObject(parts, { resource, namespace, name, user: server, options, warnings: [] });
    } catch (error) {
      log.warn({ kind: resource.kind, namespace, name, error: String(error) }, 'object of a deleted definition stays');
    }
  }
  return parts.store.list(storageKey(resource)).length;
}

function release(parts: Parts, crd: ApiObject): void {
  const stored = parts.store.get(crdKey, '', crd.metadata?.name ?? '');
  if (stored === undefined) return;
  const finalizers = (stored.metadata?.finalizers ?? []).filter((finalizer) => finalizer !== crdFinalizer);
  if (finalizers.length === 0) parts.store.remove(crdKey, stored);
  else parts.store.put(crdKey, { ...stored, metadata: { ...stored.metadata, finalizers } }, stored);
}
