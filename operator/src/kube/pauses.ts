// Growing pauses between tries of the same thing, by key.
// Promises: only in memory; a restart begins with a try.

import { Backoff, type BackoffOptions } from './backoff.ts';
import type { Clock } from './clock.ts';

export class Pauses {
  readonly #clock: Clock;
  readonly #options: BackoffOptions;
  readonly #tries = new Map<string, { readonly backoff: Backoff; untilMs: number }>();

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Ms until the next try; 0: now. */
  left(key: string): number {
    return Math.max(0, (this.#tries.get(key)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  /** A try was made in vain. @returns ms until the next. */
  next(key: string): number {
    const tries = this.#tries.get(key) ?? { backoff: new Backoff(this.#options), untilMs: 0 };
    this.#tries.set(key, tries);
    const pause = tries.backoff.next();
    tries.untilMs = this.#clock.monotonic() + pause;
    return pause;
  }

  forget(key: string): void {
    this.#tries.delete(key);
  }
}
