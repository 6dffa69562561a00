// Which events are sent, and as what: a new Event, or one more in a running series.
// Promises: pure but for its own memory, which is bounded; times are handed in. Must not talk to the API server.

import { TokenBucket } from './backoff.ts';

export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  /** What was done or tried, CamelCase, at most 128 characters. */
  readonly action: string;
  readonly message: string;
}

/** One event that happened once or more. `sent` is what the server has been told. */
export interface Series {
  readonly key: string;
  readonly regarding: Regarding;
  readonly text: EventText;
  readonly firstAtMs: number;
  count: number;
  /** Wall clock of the last occurrence, ms since the epoch. */
  lastAtMs: number;
  /** Monotonic ms of the last occurrence. */
  touchedMs: number;
  /** The stored Event, once created. */
  stored?: { readonly name: string; readonly namespace: string } | undefined;
  sentCount: number;
  sentAtMs: number;
}

export interface SeriesOptions {
  /** Without an occurrence for this long a series ends, and the next one makes a new Event. 6 min, as in client-go. */
  readonly endMs: number;
  /** A series is updated on the server at most this often. */
  readonly updateMs: number;
  /** New Events per regarded object: this many at once, then one per `refillMs`. */
  readonly burst: number;
  readonly refillMs: number;
  readonly capacity: number;
}

export const defaultSeriesOptions: SeriesOptions = {
  endMs: 6 * 60_000,
  updateMs: 10_000,
  burst: 25,
  refillMs: 10_000,
  capacity: 4096,
};

export type Observed =
  { readonly kind: 'create' | 'update' | 'later'; readonly series: Series } | { readonly kind: 'dropped' };

export class EventSeries {
  readonly #o: SeriesOptions;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: SeriesOptions = defaultSeriesOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#series.size;
  }

  observe(regarding: Regarding, text: EventText, wallMs: number, monotonicMs: number): Observed {
    const { kind, namespace, name, uid } = regarding;
    const object = [kind, namespace ?? '', name, uid ?? ''].join('\0');
    const key = [object, text.type, text.reason, text.action, text.message].join('\0');
    const running = this.#series.get(key);
    if (running && monotonicMs - running.touchedMs <= this.#o.endMs) {
      running.count++;
      running.lastAtMs = wallMs;
      running.touchedMs = monotonicMs;
      // The second occurrence is told at once (now it is a series); the others are gathered.
      const due = running.sentCount === 1 || monotonicMs - running.sentAtMs >= this.#o.updateMs;
      return { kind: due ? 'update' : 'later', series: running };
    }
    if (!this.#allow(object, monotonicMs)) return { kind: 'dropped' };
    this.#makeRoom();
    const series: Series = {
      key,
      regarding,
      text,
      firstAtMs: wallMs,
      count: 1,
      lastAtMs: wallMs,
      touchedMs: monotonicMs,
      sentCount: 0,
      sentAtMs: monotonicMs,
    };
    this.#series.delete(key);
    this.#series.set(key, series);
    return { kind: 'create', series };
  }

  /** The next occurrence makes a new Event: the stored one is gone, or could not be stored. */
  drop(series: Series): void {
    if (this.#series.get(series.key) === series) this.#series.delete(series.key);
  }

  #allow(object: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(object);
    if (bucket) this.#buckets.delete(object);
    else bucket = new TokenBucket({ perSecond: 1000 / this.#o.refillMs, burst: this.#o.burst });
    this.#buckets.set(object, bucket);
    return bucket.tryTake(nowMs);
  }

  /** Both maps are kept in order of last use at least roughly; the oldest go first. */
  #makeRoom(): void {
    for (const map of [this.#series, this.#buckets]) {
      for (const key of map.keys()) {
        if (map.size < this.#o.capacity) break;
        map.delete(key);
      }
    }
  }
}
