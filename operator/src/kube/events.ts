// Records Events (events.k8s.io/v1) about objects, for kubectl describe and kubectl events.
// Promises: never throws, never blocks the caller, never floods: repeated events become one series, each object has an
// allowance, the queue is bounded; what is given up is logged. Losing an event is acceptable, failing a reconcile for it is not.

import type { Logger } from 'pino';
import type { Event } from '../api/kubernetes.ts';
import { events } from '../api/resources.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock, type Timer } from './clock.ts';
import { isNotFound, toKubeError, type KubeError } from './errors.ts';
import {
  defaultSeriesOptions,
  EventSeries,
  type EventText,
  type Regarding,
  type Series,
  type SeriesOptions,
} from './event-series.ts';
import { microTime } from './micro-time.ts';

export type { EventText, Regarding } from './event-series.ts';

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Qualified name of what reports, for example "idlewild.dev/operator". */
  readonly controller: string;
  /** Which instance of it: the pod's name. */
  readonly instance: string;
  readonly clock?: Clock | undefined;
  readonly log: Logger;
  /** Lower-case letters, digits and dashes; its last eight make an Event's name unique. */
  readonly newId: () => string;
  readonly series?: SeriesOptions | undefined;
}

/** Limits of the API (k8s.io/kubernetes pkg/apis/core/validation/events.go), in bytes. */
const longestNote = 1024;
const longestWord = 128;
const longestName = 253;
/** Ten megabytes or so. Thousands of jobs submitted at once are told of while they run, when the API server has time. */
const longestQueue = 10_000;
/** Requests under way at the same time; everything else that is written is more urgent. */
const senders = 4;
const maxTries = 5;
/** The log tells of events given up at most this often. */
const tellDroppedMs = 10_000;

export class EventRecorder {
  readonly #o: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #series: EventSeries;
  readonly #queue = new Set<Series>();
  /** Series with occurrences that the server has not been told of, and the timer that will. */
  readonly #behind = new Set<Series>();
  #catchUp: Timer | undefined;
  /** By what is under way: two requests about one series could make two Events of it. */
  readonly #sending = new Map<Series, Promise<void>>();
  #stop = new AbortController();
  #dropped = 0;
  #untold = 0;
  #tellDropped: Timer | undefined;
  #made = 0;

  constructor(options: EventRecorderOptions) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log.child({ part: 'events' });
    this.#series = new EventSeries(options.series);
  }

  /** Events given up since the start, by allowance, a full queue or refusal. */
  get dropped(): number {
    return this.#dropped;
  }

  event(regarding: Regarding, text: EventText): void {
    const trimmed: EventText = {
      type: text.type,
      reason: cut(text.reason, longestWord),
      action: cut(text.action, longestWord),
      message: cut(text.message, longestNote),
    };
    const seen = this.#series.observe(regarding, trimmed, this.#clock.now(), this.#clock.monotonic());
    switch (seen.kind) {
      case 'dropped':
        this.#drop(regarding, trimmed, 'too many events about this object');
        return;
      case 'later':
        this.#behind.add(seen.series);
        this.#catchUp ??= this.#clock.setTimeout(
          () => this.#sendBehind(),
          (this.#o.series ?? defaultSeriesOptions).updateMs,
        );
        return;
      case 'create':
      case 'update':
        if (this.#queue.size >= longestQueue && !this.#queue.has(seen.series)) {
          this.#series.drop(seen.series);
          this.#drop(regarding, trimmed, 'too many events wait to be sent');
          return;
        }
        this.#enqueue(seen.series);
    }
  }

  /** Waits until what is known has been sent or given up, at most `timeoutMs`; then nothing more is tried. */
  async flush(timeoutMs = 3_000): Promise<void> {
    const stop = this.#stop;
    this.#sendBehind();
    const timer = this.#clock.setTimeout(() => stop.abort(), timeoutMs);
    while (this.#sending.size > 0) await Promise.all(this.#sending.values());
    timer.cancel();
    this.#tellOfDropped();
    this.#stop = new AbortController();
  }

  #sendBehind(): void {
    this.#catchUp?.cancel();
    this.#catchUp = undefined;
    for (const series of this.#behind) {
      if (series.count > series.sentCount) this.#enqueue(series);
    }
    this.#behind.clear();
  }

  #enqueue(series: Series): void {
    this.#queue.add(series);
    this.#send();
  }

  #send(): void {
    for (const series of this.#queue) {
      if (this.#sending.size >= senders) return;
      if (this.#sending.has(series)) continue;
      this.#queue.delete(series);
      const sent = this.#deliver(series).then(() => {
        this.#sending.delete(series);
        this.#send();
      });
      this.#sending.set(series, sent);
    }
  }

  async #deliver(series: Series): Promise<void> {
    const backoff = new Backoff({ baseMs: 500, maxMs: 10_000 });
    for (;;) {
      try {
        if (this.#stop.signal.aborted) throw toKubeError(this.#stop.signal.reason);
        await this.#put(series);
        return;
      } catch (caught) {
        const error = toKubeError(caught);
        if (!mayPass(error) || backoff.attempts + 1 >= maxTries) {
          this.#series.drop(series);
          this.#drop(series.regarding, series.text, error.message);
          return;
        }
        const delayMs = Math.max(backoff.next(), error.retryAfterMs ?? 0);
        // An abort shows at the next turn of the loop, which then gives the event up.
        await this.#clock.sleep(delayMs, this.#stop.signal).catch(() => undefined);
      }
    }
  }

  async #put(series: Series): Promise<void> {
    const { client } = this.#o;
    const { signal } = this.#stop;
    const { count, lastAtMs, stored } = series;
    if (stored && count > 1) {
      try {
        const body = { series: { count, lastObservedTime: microTime(lastAtMs) } };
        await client.mergePatch(events, stored, body, { signal });
        this.#sent(series, count);
        return;
      } catch (error) {
        // Events live for an hour only; the series goes on in a new one.
        if (!isNotFound(error)) throw error;
      }
    }
    const event = this.#eventOf(series);
    const { name, namespace = 'default' } = event.metadata;
    await client.create(events, event, { signal });
    series.stored = { name, namespace };
    this.#sent(series, count);
  }

  #sent(series: Series, count: number): void {
    series.sentCount = count;
    series.sentAtMs = this.#clock.monotonic();
  }

  #eventOf(series: Series): Event {
    const { regarding, text, count, firstAtMs, lastAtMs } = series;
    // Events about cluster-scoped objects live in the namespace default.
    const namespace = regarding.namespace ?? 'default';
    const id = this.#newId(firstAtMs);
    return {
      metadata: { namespace, name: `${regarding.name.slice(0, longestName - id.length - 1)}.${id}` },
      eventTime: microTime(firstAtMs),
      reportingController: this.#o.controller,
      reportingInstance: cut(this.#o.instance, longestWord),
      action: text.action,
      reason: text.reason,
      type: text.type,
      note: text.message,
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name: regarding.name,
        ...(regarding.namespace ? { namespace: regarding.namespace } : {}),
        ...(regarding.uid ? { uid: regarding.uid } : {}),
      },
      ...(count > 1 ? { series: { count, lastObservedTime: microTime(lastAtMs) } } : {}),
    };
  }

  /** Begins with the time, and the place within it: kubectl describe shows the events of an object in the order of their names. */
  #newId(atMs: number): string {
    this.#made = (this.#made + 1) % 0x1000;
    const when = Math.floor(atMs).toString(16) + this.#made.toString(16).padStart(3, '0');
    return when + this.#o.newId().slice(-8);
  }

  #drop(regarding: Regarding, text: EventText, why: string): void {
    this.#dropped++;
    this.#untold++;
    if (this.#tellDropped !== undefined) return;
    this.#log.warn({ regarding, reason: text.reason, why }, 'event given up');
    this.#untold = 0;
    this.#tellDropped = this.#clock.setTimeout(() => this.#tellOfDropped(), tellDroppedMs);
  }

  #tellOfDropped(): void {
    this.#tellDropped?.cancel();
    this.#tellDropped = undefined;
    if (this.#untold > 0) this.#log.warn({ events: this.#untold }, 'more events given up');
    this.#untold = 0;
  }
}

function mayPass(error: KubeError): boolean {
  return error.kind === 'network' || error.kind === 'timeout' || error.kind === 'throttled' || error.kind === 'server';
}

/** At most `bytes` bytes of UTF-8, never within a character. */
function cut(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  const dots = '...';
  return new TextDecoder().decode(encoded.subarray(0, bytes - dots.length), { stream: true }) + dots;
}
