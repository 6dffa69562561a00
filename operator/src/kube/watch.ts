// One watch request, from its first byte to its end.
// Promises: every event is handed over in order; a stream that ends in good order resolves, anything else throws a
// KubeError: a torn or unreadable line, an ERROR event, silence beyond the deadline. Must not reconnect: see informer.ts.

import type { ResourceType } from '../api/resources.ts';
import type { Clock, Timer } from './clock.ts';
import { errorFromWatchEvent, KubeError } from './errors.ts';
import { linesOf } from './lines.ts';
import { collectionPath } from './paths.ts';
import type { Transport } from './transport.ts';

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** For BOOKMARK only kind and metadata.resourceVersion are set. */
  readonly object: T;
}

export interface WatchOptions<T> {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Events after this version are sent. */
  readonly resourceVersion: string;
  /** The server ends the stream after this long; we give it 15 s more. */
  readonly timeoutSeconds: number;
  /** Give up earlier when not one byte came for this long, ms. A server sends a bookmark about once a minute. */
  readonly silenceMs?: number | undefined;
  readonly signal: AbortSignal;
  /** What it throws ends the watch and is thrown on. */
  onEvent(event: WatchEvent<T>): void;
}

const graceMs = 15_000;
/** Why a stream is let go that is over. One for all: to make an error with a stack for each would cost more than its end. */
const over = new KubeError('the watch is over', { kind: 'aborted' });

export async function watchStream<T>(
  transport: Transport,
  type: ResourceType,
  o: WatchOptions<T>,
  clock: Clock,
): Promise<void> {
  const attempted = `watch ${collectionPath(type, o.namespace)}`;
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  if (o.signal.aborted) throw new KubeError(`${attempted}: aborted`, { kind: 'aborted', cause: o.signal.reason });
  o.signal.addEventListener('abort', onAbort, { once: true });
  let overdue: string | undefined;
  const giveUp = (why: string) => (): void => {
    overdue = why;
    stop.abort();
  };
  const deadline = clock.setTimeout(giveUp('the server did not end it in time'), o.timeoutSeconds * 1000 + graceMs);
  const silence =
    o.silenceMs === undefined ? undefined : new Silence(clock, o.silenceMs, giveUp(`not a byte for ${o.silenceMs} ms`));

  async function* heard(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      silence?.broken();
      yield chunk;
    }
  }

  const request = {
    path: collectionPath(type, o.namespace),
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: o.resourceVersion,
      timeoutSeconds: o.timeoutSeconds,
      labelSelector: o.labelSelector,
      fieldSelector: o.fieldSelector,
    },
    signal: stop.signal,
  };
  try {
    if (transport.watch) {
      const onEvent = (event: { type: unknown; object: unknown }): void => {
        if (o.signal.aborted) return;
        silence?.broken();
        o.onEvent(checkedEvent<T>(event, attempted));
      };
      await transport.watch({ ...request, onEvent });
    } else {
      const stream = await transport.stream(request);
      for await (const line of linesOf(heard(stream.body))) {
        if (o.signal.aborted) break;
        if (line.cut) throw new KubeError(`${attempted}: the stream ended within a line`, { kind: 'network' });
        o.onEvent(parseEvent<T>(line.text, attempted));
      }
    }
    if (o.signal.aborted) throw new KubeError(`${attempted}: aborted`, { kind: 'aborted', cause: o.signal.reason });
  } catch (error) {
    if (overdue !== undefined && !o.signal.aborted) {
      throw new KubeError(`${attempted}: ${overdue}`, { kind: 'timeout', cause: error });
    }
    throw error;
  } finally {
    deadline.cancel();
    silence?.end();
    o.signal.removeEventListener('abort', onAbort);
    stop.abort(over);
  }
}

/** Tells when nothing was heard for too long. Costs one timer per such time, however much is heard. */
class Silence {
  readonly #clock: Clock;
  readonly #longestMs: number;
  readonly #tell: () => void;
  #sinceMs: number;
  #timer: Timer;

  constructor(clock: Clock, longestMs: number, tell: () => void) {
    this.#clock = clock;
    this.#longestMs = longestMs;
    this.#tell = tell;
    this.#sinceMs = clock.monotonic();
    this.#timer = clock.setTimeout(() => this.#check(), longestMs);
  }

  broken(): void {
    this.#sinceMs = this.#clock.monotonic();
  }

  end(): void {
    this.#timer.cancel();
  }

  #check(): void {
    const leftMs = this.#sinceMs + this.#longestMs - this.#clock.monotonic();
    if (leftMs > 0) this.#timer = this.#clock.setTimeout(() => this.#check(), leftMs);
    else this.#tell();
  }
}

function parseEvent<T>(line: string, attempted: string): WatchEvent<T> {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw new KubeError(`${attempted}: a line is not JSON: ${line.slice(0, 80)}`, { kind: 'server', cause: error });
  }
  return checkedEvent((event ?? {}) as { type?: unknown; object?: unknown }, attempted);
}

function checkedEvent<T>({ type, object }: { type?: unknown; object?: unknown }, attempted: string): WatchEvent<T> {
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (typeof object !== 'object' || object === null || !('metadata' in object)) break;
      return { type, object: object as T };
    case 'ERROR':
      throw errorFromWatchEvent(attempted, object);
  }
  const shown = JSON.stringify({ type, object }).slice(0, 80);
  throw new KubeError(`${attempted}: not a watch event: ${shown}`, { kind: 'server' });
}
