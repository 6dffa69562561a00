// A clock whose wall time is off, and may be set while it runs, as that of a machine without a time server.
// Promises: elapsed time and timers are those of the clock below.

import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';

export class SkewedClock implements Clock {
  readonly #inner: Clock;
  /** How far the wall clock is ahead, ms. */
  skewMs = 0;

  constructor(inner: Clock) {
    this.#inner = inner;
  }

  now(): number {
    return this.#inner.now() + this.skewMs;
  }

  monotonic(): number {
    return this.#inner.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#inner.sleep(ms, signal);
  }

  setTimeout(fn: () => void, ms: number): Timer {
    return this.#inner.setTimeout(fn, ms);
  }
}
