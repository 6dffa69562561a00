// Reads the serial console of one launcher pod.
// Promises: the log is read from its beginning, again after every broken connection, until it was read to the end of a container
// that has ended; a guest that prints without end is read at a bounded rate, so that it starves no other.

import type { Logger } from 'pino';
import type { Pod } from '../api/kubernetes.ts';
import { pods } from '../api/resources.ts';
import { Backoff, TokenBucket } from '../kube/backoff.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock, Timer } from '../kube/clock.ts';
import { isMissing, toKubeError } from '../kube/errors.ts';
import { consoleContainer } from '../model/names.ts';
import { MarkerReader } from '../render/markers.ts';
import type { StreamSlots, Turns } from './stream-slots.ts';

/** A stream that is still open this long after its container ended hangs, and is opened again. */
const lateEndMs = 3_000;
/** Without a place for a stream, the log of a guest that is starting is read this often. */
const startPollMs = 2_000;
/** What was read this long ago still counts as current. */
const currentMs = 5_000;
/** Lines at the end of a log among which the exit markers of a guest are that did not power itself off. */
const tailLines = 100;
/** A console is read at most this fast, in portions of 64 KiB: 4 MiB a second, after a first 8 MiB at once. */
const portion = 65_536;
const pace = { perSecond: 64, burst: 128 };
/** Beyond this many starts a guest only makes noise. */
const mostStarts = 1_000_000;

export interface PodReading {
  /** Start markers in the log so far. */
  readonly starts: number;
  readonly exitCode?: number | undefined;
  readonly complete: boolean;
}

export interface PodConsoleOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly slots: StreamSlots;
  readonly turns: Turns;
  readonly restMs: number;
  readonly patienceMs: number;
  readonly nonce: string;
  readonly pod: Pod;
  readonly onNews: () => void;
}

export class PodConsole {
  reading: PodReading = { starts: 0, complete: false };
  readonly #o: PodConsoleOptions;
  readonly #stop = new AbortController();
  #stream = new AbortController();
  #pod: Pod;
  #gone = false;
  #late: Timer | undefined;
  #wake: () => void = () => undefined;
  /** Monotonic ms: when all that was there had last been read, and since when that is tried in vain. */
  #readAt: number | undefined;
  #failingSince: number | undefined;
  #live = false;

  constructor(o: PodConsoleOptions) {
    this.#o = o;
    this.#pod = o.pod;
    this.#run().catch((error: unknown) =>
      o.log.error({ err: error, pod: o.pod.metadata.name }, 'console reading ended'),
    );
  }

  /** What had been printed by a moment ago has been read, or that was tried for long enough. */
  get isCurrent(): boolean {
    if (this.reading.complete || this.#gone || !hasLog(this.#pod)) return true;
    const now = this.#o.clock.monotonic();
    if (this.#failingSince !== undefined && now - this.#failingSince > this.#o.patienceMs) return true;
    return this.#readAt !== undefined && (this.#live || now - this.#readAt < currentMs);
  }

  update(pod: Pod): void {
    if (this.#pod.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    const [began, ended] = [!hasLog(this.#pod) && hasLog(pod), !isOver(this.#pod) && isOver(pod)];
    this.#pod = pod;
    if (began || ended) this.#wake();
    if (ended) this.#late = this.#o.clock.setTimeout(() => this.#stream.abort(), lateEndMs);
  }

  /** Reads now, if the log is not followed anyway. */
  refresh(): void {
    if (!this.isCurrent) this.#wake();
  }

  /** The pod object is no more: nothing can be read beyond what has been. */
  gone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#wake();
    this.#stream.abort();
  }

  close(): void {
    this.#late?.cancel();
    this.#stop.abort();
    this.#wake();
    this.#stream.abort();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff({ baseMs: 50, maxMs: 2_000 }, this.#o.random);
    while (!this.#stop.signal.aborted && !this.reading.complete) {
      if (this.#gone) return this.#news({ complete: true });
      if (!hasLog(this.#pod)) {
        await this.#pause();
        continue;
      }
      try {
        await this.#visit();
        backoff.reset();
        this.#failingSince = undefined;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (isMissing(error, pods.plural)) this.#gone = true;
        else {
          this.#failingSince ??= this.#o.clock.monotonic();
          const { name } = this.#pod.metadata;
          this.#o.log.debug({ pod: name, err: toKubeError(error).message }, 'console log broke off');
          await this.#pause(backoff.next());
        }
      }
    }
  }

  /** One visit: first what is there, which ends when it has been read; then what comes, or a rest. */
  async #visit(): Promise<void> {
    const over = isOver(this.#pod);
    if (over && this.reading.exitCode !== undefined) return this.#news({ complete: true });
    const known = this.reading.starts > 0;
    const tail = known && !over && this.#readAt !== undefined;
    await this.#o.turns.take(() => this.#read(tail ? { follow: false, tailLines } : { follow: false }));
    const first = this.#readAt === undefined || !this.#live;
    this.#readAt = this.#o.clock.monotonic();
    if (over) return this.#news({ complete: true });
    if (first) this.#o.onNews();
    if (this.#gone || this.#stop.signal.aborted || isOver(this.#pod)) return;
    const slot = this.#o.slots.take({ urgent: this.reading.starts === 0, giveUp: () => this.#stream.abort() });
    if (!slot) {
      const { restMs, random } = this.#o;
      await this.#pause(this.reading.starts === 0 ? startPollMs : restMs * (0.75 + random() / 2));
      return;
    }
    this.#live = true;
    try {
      await this.#read({ follow: true, onStart: () => slot.relax() });
    } finally {
      this.#live = false;
      slot.release();
    }
    // A stream that ended in good order while the container goes on is opened again, but not at once.
    if (!isOver(this.#pod)) await this.#pause(1_000);
  }

  async #read(o: { follow: boolean; tailLines?: number; onStart?: () => void }): Promise<void> {
    const { client, clock, nonce } = this.#o;
    const markers = new MarkerReader(nonce);
    const stream = new AbortController();
    this.#stream = stream;
    if (this.#gone || this.#stop.signal.aborted) return;
    const bucket = new TokenBucket(pace);
    let [starts, bytes] = [0, 0];
    const { name, namespace } = this.#pod.metadata;
    const { follow, onStart } = o;
    const { signal } = stream;
    const log = client.logs(
      { name, namespace },
      { container: consoleContainer, follow, tailLines: o.tailLines, signal },
    );
    for await (const chunk of log) {
      for (const marker of markers.read(asText(chunk))) {
        if (marker.kind === 'exit') {
          if (this.reading.exitCode === undefined) this.#news({ exitCode: marker.code });
        } else if (o.tailLines === undefined && starts < mostStarts) {
          starts += 1;
          onStart?.();
          if (starts > this.reading.starts) this.#news({ starts });
        }
      }
      for (bytes += chunk.length; bytes >= portion; bytes -= portion) {
        const wait = bucket.reserve(clock.monotonic());
        if (wait > 0) await clock.sleep(wait, signal);
      }
    }
  }

  #news(news: Partial<PodReading>): void {
    this.reading = { ...this.reading, ...news };
    this.#o.onNews();
  }

  /** Until something about the pod changes or somebody asks, or at most `ms`. */
  async #pause(ms?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : this.#o.clock.setTimeout(resolve, ms);
      this.#wake = () => {
        timer?.cancel();
        resolve();
      };
      if (this.#stop.signal.aborted || this.#gone) this.#wake();
    });
    this.#wake = () => undefined;
  }
}

/** Markers are ASCII; whatever else a guest prints must only not be mistaken for them. */
function asText({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

function consoleState({ status }: Pod) {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find(isConsole)?.state;
}

const isConsole = ({ name }: { readonly name: string }): boolean => name === consoleContainer;

function hasLog(pod: Pod): boolean {
  const state = consoleState(pod);
  return state?.running !== undefined || state?.terminated !== undefined || isOver(pod);
}

/**
 * Nothing will be added to its log. A sidecar that ended, for want of memory for instance, is started again for as long as the guest's
 * container runs; KubeVirt has had it as one since 1.5.
 */
function isOver(pod: Pod): boolean {
  const { phase, initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return true;
  if (consoleState(pod)?.terminated === undefined) return false;
  return (
    !initContainerStatuses.some(isConsole) || containerStatuses.every(({ state }) => state?.terminated !== undefined)
  );
}
