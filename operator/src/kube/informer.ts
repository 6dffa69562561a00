// Keeps a Store equal to what the API server holds for one type: list, then watch, for ever.
// Promises: nothing but the caller's signal ends it; every failure is followed by another try after a backoff; a lost event
// is found by the periodic relist; a handler that throws is logged and harms neither the watch nor other handlers.
// Handlers run synchronously in the order of events: they should only enqueue keys.

import type { Logger } from 'pino';
import type { ResourceType } from '../api/resources.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import { KubeError, toKubeError } from './errors.ts';
import { keyOf, type KubeObject } from './object.ts';
import { Store, type Change, type Indexes } from './store.ts';
import type { WatchEvent } from './watch.ts';

export type { Change } from './store.ts';

/** Told about everything an informer does; see metrics.ts. `type` is the plural. */
export interface InformerMetrics {
  listed(type: string, outcome: 'first' | 'relist' | 'failed', objects: number): void;
  /** The relist found changes that no event had told of. */
  repaired(type: string, changes: number): void;
  watchEnded(type: string, outcome: string): void;
  event(type: string, event: WatchEvent<unknown>['type']): void;
  handlerFailed(type: string): void;
}

export interface InformerSettings {
  readonly client: KubeClient;
  readonly type: ResourceType;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** Everything is listed again this often as insurance, ms; 15 min unless told. */
  readonly relistMs?: number | undefined;
  /** A watch lasts this long, up to twice as long at random, ms; 5 min unless told. */
  readonly watchMs?: number | undefined;
  /** A watch without a single byte for this long is given up, ms; 150 s unless told (bookmarks come about each 60 s). */
  readonly silenceMs?: number | undefined;
  /** The longest wait between tries while the server is out of reach, ms; 10 s unless told. */
  readonly maxBackoffMs?: number | undefined;
  readonly metrics?: InformerMetrics | undefined;
  /** Objects of a list that are asked for at a time; 500 unless told. */
  readonly pageSize?: number | undefined;
}

export interface InformerOptions<T> extends InformerSettings {
  readonly indexes?: Indexes<T> | undefined;
  /**
   * What is kept of an object, before anything else sees it: fields that nobody reads cost memory for as long as the object
   * lives. Undefined means that it is not kept at all, as if it had been deleted. Must not change its argument.
   */
  readonly keep?: ((object: T) => T | undefined) | undefined;
}

/** A method, not a function: so an informer of a narrow kind may stand where one of any kind is wanted. */
interface Listener<T> {
  handle(change: Change<T>): void;
}

const defaultMaxBackoffMs = 10_000;
const maxBackoffOfUnservedMs = 1_000;
/** Of so many tries of a type that is not served, one is told of: about one in a minute. */
const unservedTold = 60;
const defaultRelistMs = 15 * 60_000;
const defaultWatchMs = 5 * 60_000;
const defaultSilenceMs = 150_000;
/** A watch that ended in good order sooner than this counts as a failure, or a broken proxy would make us a storm. */
const shortestWatchMs = 1_000;
/**
 * One that broke after so long is no sign of a server in trouble: balancers cut connections that are quiet for half a minute, for
 * ever, and bookmarks come once a minute. It is opened again at once, or quiet kinds would be deaf for a part of their time.
 */
const longWatchMs = 10_000;

export class Informer<T extends KubeObject> {
  readonly store: Store<T>;
  readonly #o: InformerSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #keep: (object: T) => T | undefined;
  readonly #listeners: Listener<T>[] = [];
  readonly #waiters = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
  #hasSynced = false;
  #started = false;
  #ended = false;
  #resourceVersion: string | undefined;
  #listedAt = 0;
  #lastEventAt: number | undefined;

  constructor(options: InformerOptions<T>) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#log = options.log.child({ informer: options.type.plural });
    const maxMs = options.maxBackoffMs ?? defaultMaxBackoffMs;
    this.#backoff = new Backoff({ baseMs: 200, maxMs, jitter: 0.5 }, this.#random);
    this.store = new Store(options.indexes ?? {});
    this.#keep = options.keep ?? ((object) => object);
  }

  /** True once the first list is in the store and every handler has seen it. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** When the last list, event or bookmark came, ms since the epoch. */
  get lastEventAt(): number | undefined {
    return this.#lastEventAt;
  }

  /** What is already in the store is told to a new handler at once, as "added". */
  onChange(handler: (change: Change<T>) => void): void {
    const listener = { handle: handler };
    this.#listeners.push(listener);
    for (const object of this.store.list()) this.#tell(listener, { type: 'added', object });
  }

  /** Resolves at the first sync; rejects with kind "aborted" when `run` is ended before. */
  synced(): Promise<void> {
    if (this.#hasSynced) return Promise.resolve();
    if (this.#ended) return Promise.reject(neverSynced(this.#o.type));
    return new Promise((resolve, reject) => this.#waiters.add({ resolve, reject }));
  }

  /** Runs until `signal` is aborted, and never rejects. An informer runs once. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error(`the informer of ${this.#o.type.plural} has already been started`);
    this.#started = true;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined || this.#untilRelist() <= 0) await this.#list(signal);
        await this.#watch(signal, this.#resourceVersion ?? '');
      } catch (caught) {
        if (signal.aborted) break;
        await this.#recover(toKubeError(caught), signal);
      }
    }
    this.#ended = true;
    for (const waiter of this.#waiters) waiter.reject(neverSynced(this.#o.type));
    this.#waiters.clear();
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, type, namespace, labelSelector, fieldSelector, metrics, pageSize } = this.#o;
    let list;
    try {
      const what = { namespace, labelSelector, fieldSelector, pageSize };
      list = await client.listAll<T>(type, { ...what, signal, keep: this.#keep });
    } catch (error) {
      metrics?.listed(type.plural, 'failed', 0);
      throw error;
    }
    const expired = this.#resourceVersion === undefined;
    this.#listedAt = this.#clock.monotonic();
    this.#resourceVersion = list.metadata.resourceVersion;
    this.#heard();
    const changes = this.store.replace(list.items);
    metrics?.listed(type.plural, this.#hasSynced ? 'relist' : 'first', list.items.length);
    if (!expired && changes.length > 0) {
      metrics?.repaired(type.plural, changes.length);
      this.#log.warn({ changes: changes.length }, 'the relist found changes that the watch had missed or not yet sent');
    }
    this.#publish(changes);
    if (!this.#hasSynced) {
      this.#hasSynced = true;
      this.#log.debug({ objects: list.items.length }, 'synced');
      for (const waiter of this.#waiters) waiter.resolve();
      this.#waiters.clear();
    }
  }

  async #watch(signal: AbortSignal, resourceVersion: string): Promise<void> {
    const { client, type, namespace, labelSelector, fieldSelector, metrics } = this.#o;
    const started = this.#clock.monotonic();
    const longestMs = (this.#o.watchMs ?? defaultWatchMs) * (1 + this.#random());
    const timeoutSeconds = Math.max(1, Math.ceil(Math.min(longestMs, this.#untilRelist()) / 1000));
    let events = 0;
    try {
      await client.watch<T>(type, {
        namespace,
        labelSelector,
        fieldSelector,
        resourceVersion,
        timeoutSeconds,
        silenceMs: this.#o.silenceMs ?? defaultSilenceMs,
        signal,
        onEvent: (event) => {
          events++;
          this.#backoff.reset();
          this.#heard();
          metrics?.event(type.plural, event.type);
          this.#accept(event);
        },
      });
    } catch (error) {
      if (this.#clock.monotonic() - started >= longWatchMs) this.#backoff.reset();
      throw error;
    }
    metrics?.watchEnded(type.plural, 'ended');
    const lasted = this.#clock.monotonic() - started;
    if (events === 0 && lasted < Math.min(shortestWatchMs, timeoutSeconds * 1000)) {
      throw new KubeError(`watch ${type.plural}: ended after ${Math.round(lasted)} ms without an event`, {
        kind: 'network',
      });
    }
    this.#backoff.reset();
  }

  #accept(event: WatchEvent<T>): void {
    const { object } = event;
    // Before the handlers: whatever they do, this event is not to be asked for again.
    if (object.metadata.resourceVersion) this.#resourceVersion = object.metadata.resourceVersion;
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED': {
        const kept = this.#keep(object);
        this.#publish(kept === undefined ? this.store.remove(keyOf(object)) : this.store.set(kept));
        break;
      }
      case 'DELETED':
        this.#publish(this.store.remove(keyOf(object), this.#keep(object)));
        break;
      case 'BOOKMARK':
        break;
    }
  }

  /** What follows a failure: which position to go on from, and how long to wait. */
  async #recover(error: KubeError, signal: AbortSignal): Promise<void> {
    const { type, metrics } = this.#o;
    // A type that is not served yet (its definition is being installed) costs the server next to nothing to ask for.
    const longest = error.kind === 'notFound' ? maxBackoffOfUnservedMs : Infinity;
    const delayMs = Math.max(Math.min(this.#backoff.next(), longest), error.retryAfterMs ?? 0);
    if (error.kind === 'gone') {
      this.#resourceVersion = undefined;
      this.#log.info({ err: error.message }, 'the watch position is no longer known to the server, listing again');
    } else {
      // A broken connection says nothing about our position; any other refusal might be about it.
      const keep = error.kind === 'network' || error.kind === 'timeout' || error.kind === 'throttled';
      if (!keep) this.#resourceVersion = undefined;
      const { attempts } = this.#backoff;
      const isNews = error.kind === 'notFound' ? attempts % unservedTold === 1 : attempts > 1 || !keep;
      const level = isNews ? 'warn' : 'debug';
      this.#log[level]({ err: error.message, kind: error.kind, delayMs: Math.round(delayMs) }, 'trying again');
    }
    metrics?.watchEnded(type.plural, error.kind);
    try {
      await this.#clock.sleep(delayMs, signal);
    } catch (interrupted) {
      if (!signal.aborted) throw interrupted;
    }
  }

  #untilRelist(): number {
    return this.#listedAt + (this.#o.relistMs ?? defaultRelistMs) - this.#clock.monotonic();
  }

  #heard(): void {
    this.#lastEventAt = this.#clock.now();
  }

  #publish(changes: readonly Change<T>[]): void {
    for (const change of changes) {
      for (const listener of this.#listeners) this.#tell(listener, change);
    }
  }

  #tell(listener: Listener<T>, change: Change<T>): void {
    try {
      listener.handle(change);
    } catch (error) {
      this.#o.metrics?.handlerFailed(this.#o.type.plural);
      this.#log.error({ err: error, change: change.type, key: keyOf(change.object) }, 'a change handler threw');
    }
  }
}

function neverSynced(type: ResourceType): KubeError {
  return new KubeError(`the informer of ${type.plural} was stopped before its first list`, { kind: 'aborted' });
}
