// Writes what a decision changed, and only that, under the resourceVersion it was decided on: a merge patch of the difference.
// Promises: no request when nothing changed; KubeError "conflict" when the object has moved on meanwhile.
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import { refOf, keyOf } from '@idlewild/operator/kube/object.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import type { StoredMeta } from '../../model/meta.ts';
import { mergePatch } from '../model/merge-patch.ts';

interface Stored {
  readonly metadata: StoredMeta;
}

/** The object as stored afterwards: the answer, or `before` when there was nothing to write. */
export async function writeDifference<T extends Stored>(
  client: KubeClient,
  type: ResourceType,
  before: T,
  after: T,
  subresource?: 'status',
): Promise<T> {
  const patch = mergePatch(before, after);
  if (!patch) return before;
  const metadata = { ...(patch['metadata'] as object | undefined), resourceVersion: before.metadata.resourceVersion };
  const options = subresource === undefined ? {} : { subresource };
  return client.mergePatch<T>(type, refOf(keyOf(before)), { ...patch, metadata }, options);
}

/** Deletes exactly this object; one that is gone, or replaced by another of its name, is fine. */
export async function deleteExactly(
  client: KubeClient,
  type: ResourceType,
  object: Stored,
  gracePeriodSeconds?: number,
): Promise<boolean> {
  try {
    await client.delete(type, refOf(keyOf(object)), {
      preconditions: { uid: object.metadata.uid },
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** The finalizers without one of them. */
export function withoutFinalizer<T extends Stored>(object: T, finalizer: string): T {
  const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
