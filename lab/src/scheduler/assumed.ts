// Bindings that were sent but that the watch has not shown yet: they count as taken, so that two pods never get the same room.
// An assumption ends when the pod shows up bound, disappears, or its binding fails.
import type { Pod } from '../model/pod.ts';
import type { Assumption } from './snapshot.ts';

export class AssumedBindings {
  readonly #byUid = new Map<string, Assumption>();

  assume(pod: Pod, nodeName: string): void {
    this.#byUid.set(pod.metadata.uid, { pod, nodeName });
  }

  has(pod: Pod): boolean {
    return this.#byUid.has(pod.metadata.uid);
  }

  forget(pod: Pod): void {
    this.#byUid.delete(pod.metadata.uid);
  }

  list(): readonly Assumption[] {
    return [...this.#byUid.values()];
  }
}
