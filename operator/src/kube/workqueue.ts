// A queue of keys for workers, with client-go's semantics.
// Promises: a key is in work at most once at a time; added while in work, it comes once more afterwards; added many times
// while waiting, it comes once. A delayed key comes at the earliest of its times. Holds nothing about keys that are done.

import { systemClock, type Clock, type Timer } from './clock.ts';
import { KubeError } from './errors.ts';
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts';

/** Told about every key; see metrics.ts. Durations in ms. */
export interface WorkQueueMetrics {
  added(queue: string): void;
  /** Its time in the queue is over. */
  taken(queue: string, waitedMs: number): void;
  finished(queue: string, workedMs: number): void;
  retried(queue: string): void;
  depth(queue: string, depth: number): void;
}

export interface WorkQueueOptions {
  /** For metrics. */
  readonly name?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly rateLimiter?: RateLimiter | undefined;
  readonly metrics?: WorkQueueMetrics | undefined;
}

interface Waiter {
  readonly resolve: (key: string) => void;
  readonly reject: (error: Error) => void;
  readonly signal: AbortSignal;
}

export class WorkQueue {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #limiter: RateLimiter;
  readonly #metrics: WorkQueueMetrics | undefined;
  /** In order of arrival (a Set keeps it); the value is when the key was queued, monotonic ms. */
  readonly #ready = new Map<string, number>();
  /** In work, and since when. */
  readonly #processing = new Map<string, number>();
  /** Added while in work: to be queued again when done. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: Timer }>();
  readonly #waiters = new Set<Waiter>();
  /** Those that are listened to. */
  readonly #signals = new WeakSet<AbortSignal>();
  #closed = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#name = options.name ?? 'queue';
    this.#clock = options.clock ?? systemClock;
    this.#limiter = options.rateLimiter ?? createRateLimiter();
    this.#metrics = options.metrics;
  }

  /** Keys ready for a worker; neither the delayed ones nor those in work. */
  get depth(): number {
    return this.#ready.size;
  }

  get inWork(): number {
    return this.#processing.size;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** How long the oldest key in work has been in work, ms. */
  get longestRunningMs(): number {
    const oldest = Math.min(...this.#processing.values());
    return Number.isFinite(oldest) ? this.#clock.monotonic() - oldest : 0;
  }

  add(key: string): void {
    if (this.#closed || this.#ready.has(key) || this.#again.has(key)) return;
    this.#metrics?.added(this.#name);
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#enqueue(key);
  }

  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const at = this.#clock.monotonic() + ms;
    const waiting = this.#delayed.get(key);
    if (waiting && waiting.at <= at) return;
    waiting?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, ms);
    this.#delayed.set(key, { at, timer });
  }

  /** Adds after the key's backoff. `atLeastMs` is for a server that said how long to stay away. */
  addRateLimited(key: string, atLeastMs = 0): void {
    if (this.#closed) return;
    this.#metrics?.retried(this.#name);
    this.addAfter(key, Math.max(atLeastMs, this.#limiter.next(key, this.#clock.monotonic())));
  }

  /** Failures of the key since it was last forgotten. */
  failures(key: string): number {
    return this.#limiter.failures(key);
  }

  /** The key's next backoff starts from the beginning. */
  forget(key: string): void {
    this.#limiter.forget(key);
  }

  /**
   * The next key, now in work until `done`. Rejects with kind "aborted" when `signal` is aborted, or when the queue has
   * been shut down and is empty.
   */
  get(signal: AbortSignal): Promise<string> {
    if (signal.aborted) return Promise.reject(closed('the wait for work was aborted'));
    const first = this.#ready.keys().next();
    if (!first.done) return Promise.resolve(this.#take(first.value));
    if (this.#closed) return Promise.reject(closed('the work queue is shut down'));
    this.#listenTo(signal);
    return new Promise((resolve, reject) => void this.#waiters.add({ resolve, reject, signal }));
  }

  /** Ends the work on a key that `get` handed out. */
  done(key: string): void {
    const since = this.#processing.get(key);
    if (since === undefined) return;
    this.#processing.delete(key);
    this.#metrics?.finished(this.#name, this.#clock.monotonic() - since);
    if (this.#again.delete(key)) this.#enqueue(key);
  }

  /** No more keys are accepted; those that are ready are still handed out, delayed ones are dropped. */
  shutDown(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    for (const waiter of this.#waiters) waiter.reject(closed('the work queue is shut down'));
    this.#waiters.clear();
  }

  /** One listener per signal, however often the same workers come back with it. */
  #listenTo(signal: AbortSignal): void {
    if (this.#signals.has(signal)) return;
    this.#signals.add(signal);
    const onAbort = (): void => {
      for (const waiter of this.#waiters) {
        if (waiter.signal !== signal) continue;
        this.#waiters.delete(waiter);
        waiter.reject(closed('the wait for work was aborted'));
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
  }

  #enqueue(key: string): void {
    this.#ready.set(key, this.#clock.monotonic());
    const waiter = this.#waiters.values().next();
    if (waiter.done) {
      this.#metrics?.depth(this.#name, this.#ready.size);
      return;
    }
    this.#waiters.delete(waiter.value);
    waiter.value.resolve(this.#take(key));
  }

  #take(key: string): string {
    const now = this.#clock.monotonic();
    this.#metrics?.taken(this.#name, now - (this.#ready.get(key) ?? now));
    this.#ready.delete(key);
    this.#processing.set(key, now);
    this.#metrics?.depth(this.#name, this.#ready.size);
    return key;
  }
}

function closed(message: string): KubeError {
  return new KubeError(message, { kind: 'aborted' });
}
