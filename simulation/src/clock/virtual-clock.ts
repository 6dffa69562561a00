// A clock whose time passes as fast as the work in it is done: it jumps from one timer to the next.
// Promises: timers fire by time and then by the order in which they were set; before the next one fires, every promise that
// can settle without I/O has settled. Must not look at the machine's own clock, so that a run depends on its input alone.

import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';
import { TimerHeap } from './timer-heap.ts';

/** Until when a clock runs: a moment of `monotonic()`, or the first moment at which something holds. */
export type Until = number | (() => boolean);

export class VirtualClock implements Clock {
  readonly startMs: number;
  readonly #timers = new TimerHeap();
  #elapsed = 0;
  #fired = 0;
  #running = false;

  /** @param startMs the first answer of `now()`, ms since the epoch; a Monday at midnight unless told. */
  constructor(startMs: number = Date.UTC(2026, 0, 5)) {
    this.startMs = startMs;
  }

  now(): number {
    return this.startMs + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Timers that have fired since the start. */
  get fired(): number {
    return this.#fired;
  }

  /** As in Node, no wait is shorter than 1 ms: the remainder of a subtraction would otherwise let time stand still. */
  setTimeout(fn: () => void, ms: number): Timer {
    return this.#timers.add(this.#elapsed + (ms > 0 ? Math.max(1, ms) : 0), fn);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /**
   * Lets time pass. With a number: until `monotonic()` is that many ms, and true. With a predicate: until it holds, which is
   * looked at after everything that a timer brought about has settled; false when `limitMs` of `monotonic()` came first, or
   * when nothing waits for time any more.
   */
  async runUntil(until: Until, limitMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    if (this.#running) throw new Error('the clock is running already');
    this.#running = true;
    const holds = typeof until === 'number' ? (): boolean => false : until;
    const end = typeof until === 'number' ? until : limitMs;
    try {
      await settle();
      while (!holds()) {
        const next = this.#timers.peek();
        if (next === undefined || next.at > end) {
          if (Number.isFinite(end)) this.#elapsed = Math.max(this.#elapsed, end);
          return typeof until === 'number';
        }
        this.#elapsed = Math.max(this.#elapsed, next.at);
        this.#fired++;
        this.#timers.take()?.();
        await settle();
      }
      return true;
    } finally {
      this.#running = false;
    }
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    await this.runUntil(this.#elapsed + ms);
  }
}

/** A sleep on the timers of any clock: ends at once, with the signal's reason, when the signal is aborted. */
export function sleepOn(clock: Pick<Clock, 'setTimeout'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** One turn of the event loop: the queue of settled promises is empty before it ends, however long its chains are. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
