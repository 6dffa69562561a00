// Time as a dependency: the system's clock, and one that tests move by hand.
// Promises: `monotonic` never goes back; a pending sleep ends at once when its signal is aborted.
// Decision code gets numbers, never a Clock.

import { setTimeout as systemSleep } from 'node:timers/promises';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch; may jump when the machine's clock is set. For timestamps only. */
  now(): number;
  /** Milliseconds since an arbitrary start; for every measurement of elapsed time. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  setTimeout(fn: () => void, ms: number): Timer;
}

// Node fires at once on a delay above 2^31-1 ms, which would turn a long wait into a busy loop.
const longestDelayMs = 2 ** 31 - 1;
const delay = (ms: number): number => Math.min(Math.max(0, ms), longestDelayMs);

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      await systemSleep(delay(ms), undefined, signal ? { signal } : {});
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  setTimeout: (fn, ms) => {
    const handle = setTimeout(fn, delay(ms));
    return { cancel: () => clearTimeout(handle) };
  },
};

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A clock that stands still until `advance` is called. */
export class FakeClock implements Clock {
  #now: number;
  #elapsed = 0;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();

  /** @param startMs the first answer of `now()`, ms since the epoch. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** How many timers and sleeps wait; lets a test wait until the code under test has gone to sleep. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock without any time passing, as an administrator or NTP does. */
  setWallClock(ms: number): void {
    this.#now = ms;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer: PendingTimer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * Lets `ms` pass: due timers fire in order of time, and whatever promises they settle (and timers these start) run
   * before the next one fires.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (;;) {
      const next = this.#earliest();
      if (!next || next.at > end) break;
      this.#moveTo(next.at);
      this.#timers.delete(next);
      next.fn();
      await settle();
    }
    this.#moveTo(end);
  }

  #earliest(): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  }

  #moveTo(elapsed: number): void {
    const step = Math.max(0, elapsed - this.#elapsed);
    this.#elapsed += step;
    this.#now += step;
  }
}

/** One turn of the event loop: every promise that can settle without I/O has settled afterwards. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
