// Runs a reconcile function over a work queue: the only place that decides what follows an outcome.
// Promises: one reconcile per key at a time; an error is retried with backoff unless it is a TerminalError; success forgets
// the backoff; at the end of `run` no reconcile is under way. Must not know what is reconciled.

import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { systemClock, type Clock } from './clock.ts';
import { isAborted, KubeError } from './errors.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { WorkQueue, type WorkQueueMetrics } from './workqueue.ts';

/** Nothing more to do until the next event, or to be done again after `requeueAfterMs`. */
export type Result = { readonly requeueAfterMs?: number | undefined } | void;

export interface ReconcileContext {
  /** Carries controller, key and reconcileId on every line. */
  readonly log: Logger;
  readonly reconcileId: string;
  /** Aborted when the controller stops. */
  readonly signal: AbortSignal;
}

export type Reconcile = (key: string, context: ReconcileContext) => Promise<Result>;

/** An error that no retry can heal; the key waits for the next event. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

export type Outcome = 'success' | 'requeue_after' | 'error' | 'terminal_error' | 'aborted';

/** Told about every reconcile; see metrics.ts. */
export interface ControllerMetrics {
  readonly queue?: WorkQueueMetrics | undefined;
  started(controller: string): void;
  finished(controller: string, outcome: Outcome, durationMs: number): void;
}

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Keys reconciled at the same time; 1 unless told. */
  readonly concurrency?: number | undefined;
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  readonly metrics?: ControllerMetrics | undefined;
  readonly rateLimiter?: RateLimiter | undefined;
  readonly newId?: (() => string) | undefined;
}

export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #o: ControllerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #newId: () => string;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log.child({ controller: options.name });
    this.#newId = options.newId ?? randomUUID;
    this.queue = new WorkQueue({
      name: options.name,
      clock: this.#clock,
      rateLimiter: options.rateLimiter,
      metrics: options.metrics?.queue,
    });
  }

  enqueue(key: string): void {
    this.queue.add(key);
  }

  /** Works until `signal` is aborted; resolves when the last reconcile under way has ended. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const workers = Array.from({ length: this.#o.concurrency ?? 1 }, () => this.#work(signal));
    await Promise.all(workers);
    this.queue.shutDown();
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let key: string;
      try {
        key = await this.queue.get(signal);
      } catch (error) {
        if (isAborted(error)) return;
        throw error;
      }
      try {
        await this.#reconcile(key, signal);
      } finally {
        this.queue.done(key);
      }
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const context = new Context(this.#log, key, this.#newId, signal);
    const started = this.#clock.monotonic();
    this.#o.metrics?.started(this.name);
    let outcome: Outcome;
    try {
      const result = await this.#o.reconcile(key, context);
      this.queue.forget(key);
      const after = result?.requeueAfterMs;
      outcome = after === undefined ? 'success' : 'requeue_after';
      if (after !== undefined) this.queue.addAfter(key, after);
    } catch (error) {
      outcome = this.#afterError(key, error, context.log, signal);
    }
    this.#o.metrics?.finished(this.name, outcome, this.#clock.monotonic() - started);
  }

  #afterError(key: string, error: unknown, log: Logger, signal: AbortSignal): Outcome {
    if (signal.aborted) {
      log.debug({ err: error }, 'reconcile ended by the stop of the controller');
      return 'aborted';
    }
    if (error instanceof TerminalError) {
      this.queue.forget(key);
      log.error({ err: error }, 'reconcile failed, and trying again would not help');
      return 'terminal_error';
    }
    const kubeError = error instanceof KubeError ? error : undefined;
    this.queue.addRateLimited(key, kubeError?.retryAfterMs);
    const failures = this.queue.failures(key);
    // Conflicts are how optimistic locking says "look again", not news for whoever reads the log.
    if (kubeError?.kind === 'conflict') log.debug({ err: kubeError.message, failures }, 'reconcile met a conflict');
    else log.error({ err: error, failures }, 'reconcile failed, will be tried again');
    return 'error';
  }
}

/** Made on demand, as most reconciles find nothing to do and have nothing to say. */
class Context implements ReconcileContext {
  readonly signal: AbortSignal;
  readonly #parent: Logger;
  readonly #key: string;
  readonly #newId: () => string;
  #id: string | undefined;
  #log: Logger | undefined;

  constructor(parent: Logger, key: string, newId: () => string, signal: AbortSignal) {
    this.#parent = parent;
    this.#key = key;
    this.#newId = newId;
    this.signal = signal;
  }

  get reconcileId(): string {
    return (this.#id ??= this.#newId());
  }

  get log(): Logger {
    return (this.#log ??= this.#parent.child({ key: this.#key, reconcileId: this.reconcileId }));
  }
}
