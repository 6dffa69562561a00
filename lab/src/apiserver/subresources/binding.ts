// The binding of a pod to a node: the scheduler's one write. It sets the node and the PodScheduled condition at once.

import { badRequest, conflict, notFound, type Status } from '../errors/status.ts';
import type { ApiObject } from '../registry/types.ts';
import { timestamp } from '../rest/metadata.ts';
import { inVersion, storageKey, type Parts } from '../rest/parts.ts';
import { storeObject, type WriteTarget } from '../rest/write.ts';

interface Condition {
  readonly type: string;
}

/** Throws 404, 409 for a pod that is bound or being deleted already, and what admission throws. */
export async function bindPod(parts: Parts, target: WriteTarget, body: ApiObject): Promise<Status> {
  const { resource, namespace, name, user, options, warnings } = target;
  const node = (body['target'] as { name?: unknown } | undefined)?.name;
  if (typeof node !== 'string' || node === '') throw badRequest('target.name: Required value');
  const admission = {
    operation: 'CREATE' as const,
    resource,
    subresource: 'binding',
    namespace,
    name,
    object: { ...body, kind: 'Binding', apiVersion: 'v1' },
    old: undefined,
    user,
    dryRun: options.dryRun,
    warnings,
  };
  await parts.admission.mutate(admission);
  await parts.admission.validate(admission);
  const stored = parts.store.get(storageKey(resource), namespace, name);
  if (stored === undefined) throw notFound(resource, name);
  const live = inVersion(resource, stored);
  checkBindable(target, live, body.metadata?.uid);
  if (!options.dryRun) storeObject(parts, resource, withNode(live, node, timestamp(parts.clock.now())), stored);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}

function checkBindable({ resource, name }: WriteTarget, live: ApiObject, uid: string | undefined): void {
  const at = { group: '', plural: 'pods/binding' };
  const bound = (live['spec'] as { nodeName?: string } | undefined)?.nodeName;
  if (bound) throw conflict(at, name, `pod ${name} is already assigned to node "${bound}"`);
  if (live.metadata?.deletionTimestamp !== undefined) {
    throw conflict(at, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (uid && uid !== live.metadata?.uid)
    throw conflict(resource, name, 'the UID in the binding is not that of the pod');
}

function withNode(pod: ApiObject, nodeName: string, now: string): ApiObject {
  const status = (pod['status'] ?? {}) as { conditions?: Condition[] };
  const others = (status.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now };
  return {
    ...pod,
    spec: { ...(pod['spec'] as object | undefined), nodeName },
    status: { ...status, conditions: [...others, scheduled] },
  };
}
