// Which changes of the cluster may let a waiting pod go: heartbeats must not wake the scheduler, room and labels must.
import { isDeepStrictEqual } from 'node:util';
import type { Node } from '../model/node.ts';
import { isFinished, type Pod } from '../model/pod.ts';

export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: T;
  readonly previous?: T | undefined;
}

/** True if anything that placement reads of a node has changed. */
export function nodeMatters({ type, object, previous }: Change<Node>): boolean {
  if (type !== 'updated' || !previous) return true;
  return !(
    isDeepStrictEqual(object.metadata.labels, previous.metadata.labels) &&
    isDeepStrictEqual(object.spec, previous.spec) &&
    isDeepStrictEqual(object.status?.allocatable, previous.status?.allocatable)
  );
}

/** True if a pod that is or was on a node came, went or changed its labels: it may free room or change an affinity. */
export function podMatters({ type, object, previous }: Change<Pod>): boolean {
  if (!object.spec.nodeName) return false;
  if (type !== 'updated' || !previous) return true;
  return (
    object.spec.nodeName !== previous.spec.nodeName ||
    isFinished(object) !== isFinished(previous) ||
    !isDeepStrictEqual(object.metadata.labels, previous.metadata.labels)
  );
}
