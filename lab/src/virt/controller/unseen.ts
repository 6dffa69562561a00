// Objects that this process has created and that its watch has not shown yet. A decision that looked only at the watch could
// make them twice. Promises: an object is forgotten when the watch shows it in any way, or after a time that no watch lags.
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import type { StoredMeta } from '../../model/meta.ts';

interface Stored {
  readonly metadata: StoredMeta;
}

const FORGET_AFTER_MS = 30_000;

export class Unseen<T extends Stored> {
  readonly #made = new Map<string, { readonly owner: string; readonly object: T; readonly at: number }>();
  readonly #clock: Clock;
  readonly #informer: Informer<T>;

  constructor(informer: Informer<T>, clock: Clock) {
    this.#clock = clock;
    this.#informer = informer;
    informer.onChange(({ object }) => this.#made.delete(object.metadata.uid));
  }

  /** Remembers an object just created for `owner` (any key the caller asks with again). */
  add(owner: string, object: T): void {
    const ref = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    if (this.#informer.store.get(ref)?.metadata.uid === object.metadata.uid) return;
    this.#made.set(object.metadata.uid, { owner, object, at: this.#clock.monotonic() });
  }

  /** What was made for this owner and is not seen yet. */
  of(owner: string): T[] {
    const oldest = this.#clock.monotonic() - FORGET_AFTER_MS;
    const result: T[] = [];
    for (const [uid, made] of this.#made) {
      if (made.at < oldest) this.#made.delete(uid);
      else if (made.owner === owner) result.push(made.object);
    }
    return result;
  }
}
