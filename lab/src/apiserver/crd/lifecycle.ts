// What the server must do with stored CRDs besides storing them: say which names are accepted, in the order of their
// creation, and take the objects of a deleted CRD along. Decisions only; the server carries them out.
import type { ApiObject } from '../registry/types.ts';
import { asArray, asRecord, sameJson } from '../schema/json.ts';
import { weighNames } from './names.ts';

/** Keeps a deleted CRD until the last of its objects is gone. */
export const crdFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** Being deleted, and still waiting for its objects to go. */
export function isTerminating(crd: ApiObject): boolean {
  return crd.metadata?.deletionTimestamp !== undefined && (crd.metadata.finalizers ?? []).includes(crdFinalizer);
}

/** A CRD whose deletion was asked for: the server's own cleanup holds it until the last of its objects is gone. */
export function markedDefinition(crd: ApiObject, now: string): ApiObject {
  const finalizers = [...(crd.metadata?.finalizers ?? []).filter((name) => name !== crdFinalizer), crdFinalizer];
  const status = asRecord(crd['status']);
  const terminating = {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: now,
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
  return {
    ...crd,
    metadata: { ...crd.metadata, deletionTimestamp: now, finalizers },
    status: { ...status, conditions: [...asArray(status['conditions']), terminating] },
  };
}

/** The CRDs whose status is not what it should be, each as a copy with the right one. */
export function reconcileCrds(crds: readonly ApiObject[], nowMs: number): ApiObject[] {
  const settled = new Map(crds.map((crd) => [crd.metadata?.name ?? '', crd]));
  const changed: ApiObject[] = [];
  for (const crd of [...crds].sort(byAge)) {
    const status = weighNames(crd, [...settled.values()], nowMs);
    if (sameJson(status, crd['status'])) continue;
    const next: ApiObject = { ...structuredClone(crd), status };
    settled.set(crd.metadata?.name ?? '', next);
    changed.push(next);
  }
  return changed;
}

function byAge(a: ApiObject, b: ApiObject): number {
  const [left, right] = [a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? ''];
  return left < right
    ? -1
    : left > right
      ? 1
      : Number(a.metadata?.resourceVersion ?? 0) - Number(b.metadata?.resourceVersion ?? 0);
}
