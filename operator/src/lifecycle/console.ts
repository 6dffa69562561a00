// Follows the serial consoles of attempts and keeps the markers that their guests printed.
// Promises: each launcher pod's log is read from its beginning, again after every broken connection, until it was read to the
// end of a container that has ended; what was read is only in memory, for it can be read again.
// Must not decide what a marker means.

import type { Logger } from 'pino';
import type { Pod } from '../api/kubernetes.ts';
import { Backoff } from '../kube/backoff.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock, Timer } from '../kube/clock.ts';
import { isNotFound, toKubeError } from '../kube/errors.ts';
import { consoleContainer } from '../model/names.ts';
import { MarkerReader } from '../render/markers.ts';
import { nothingRead, type ConsoleReading } from './decide.ts';

/** A stream that is still open this long after its container ended hangs, and is opened again. */
const lateEndMs = 3_000;

/** A log that cannot be read for this long is no reason to wait any longer. */
const patienceMs = 60_000;

export interface ConsolesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when something new was read for the attempt. */
  readonly onNews: (jobKey: string) => void;
}

export class Consoles {
  readonly #o: ConsolesOptions;
  /** By job key. */
  readonly #attempts = new Map<string, { readonly nonce: string; readonly pods: Map<string, PodConsole> }>();

  constructor(options: ConsolesOptions) {
    this.#o = options;
  }

  /** Follows exactly these pods for the job's attempt and says what has been read so far. */
  follow(jobKey: string, nonce: string, pods: readonly Pod[]): ConsoleReading {
    let attempt = this.#attempts.get(jobKey);
    if (attempt?.nonce !== nonce) {
      this.forget(jobKey);
      attempt = { nonce, pods: new Map() };
      this.#attempts.set(jobKey, attempt);
    }
    for (const pod of pods) {
      const uid = pod.metadata.uid ?? '';
      const known = attempt.pods.get(uid);
      if (known) known.update(pod);
      else attempt.pods.set(uid, new PodConsole(this.#o, jobKey, nonce, pod));
    }
    const present = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, reading] of attempt.pods) if (!present.has(uid)) reading.gone();
    const readings = [...attempt.pods.values()].map(({ reading }) => reading);
    return readings.reduce(
      (all, one) => ({
        started: all.started || one.started,
        exitCode: all.exitCode ?? one.exitCode,
        current: all.current && one.current,
        complete: all.complete && one.complete,
      }),
      { ...nothingRead, current: true, complete: true },
    );
  }

  forget(jobKey: string): void {
    for (const reading of this.#attempts.get(jobKey)?.pods.values() ?? []) reading.close();
    this.#attempts.delete(jobKey);
  }

  close(): void {
    for (const jobKey of [...this.#attempts.keys()]) this.forget(jobKey);
  }
}

class PodConsole {
  reading: ConsoleReading = nothingRead;
  readonly #o: ConsolesOptions;
  readonly #jobKey: string;
  readonly #nonce: string;
  readonly #stop = new AbortController();
  #stream = new AbortController();
  readonly #since: number;
  #pod: Pod;
  #gone = false;
  #late: Timer | undefined;
  #wake: () => void = () => undefined;

  constructor(o: ConsolesOptions, jobKey: string, nonce: string, pod: Pod) {
    this.#o = o;
    this.#jobKey = jobKey;
    this.#nonce = nonce;
    this.#pod = pod;
    this.#since = o.clock.monotonic();
    this.#run().catch((error: unknown) => o.log.error({ err: error, pod: pod.metadata.name }, 'console reading ended'));
  }

  update(pod: Pod): void {
    if (this.#pod.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    const ended = !isOver(this.#pod) && isOver(pod);
    this.#pod = pod;
    this.#wake();
    if (ended) {
      const stream = this.#stream;
      this.#late = this.#o.clock.setTimeout(() => stream.abort(), lateEndMs);
    }
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
    const backoff = new Backoff({ baseMs: 50, maxMs: 2_000 });
    while (!this.#stop.signal.aborted && !this.reading.complete) {
      if (this.#gone) {
        this.#news({ ...this.reading, current: true, complete: true });
        return;
      }
      if (!hasLog(this.#pod)) {
        this.#caughtUp();
        await this.#pause();
        continue;
      }
      const over = isOver(this.#pod);
      try {
        // First what is there, which ends when it has been read; then what comes.
        if (!this.reading.current) await this.#read({ follow: false });
        this.#caughtUp();
        await this.#read({ follow: true });
        if (over) {
          this.#news({ ...this.reading, complete: true });
          return;
        }
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (isNotFound(error)) this.#gone = true;
        else {
          const { metadata } = this.#pod;
          this.#o.log.debug({ pod: metadata.name, err: toKubeError(error).message }, 'console log broke off');
          if (this.#o.clock.monotonic() - this.#since > patienceMs) this.#caughtUp();
        }
      }
      if (!this.#gone) await this.#pause(backoff.next());
    }
  }

  #caughtUp(): void {
    if (!this.reading.current) this.#news({ ...this.reading, current: true });
  }

  async #read({ follow }: { follow: boolean }): Promise<void> {
    const markers = new MarkerReader(this.#nonce);
    const stream = new AbortController();
    this.#stream = stream;
    if (this.#gone || this.#stop.signal.aborted) return;
    const { name, namespace } = this.#pod.metadata;
    const log = this.#o.client.logs(
      { name, namespace },
      { container: consoleContainer, follow, signal: stream.signal },
    );
    for await (const chunk of log) {
      for (const marker of markers.read(Buffer.from(chunk).toString('latin1'))) {
        switch (marker.kind) {
          case 'start':
          case 'ready':
            if (!this.reading.started) this.#news({ ...this.reading, started: true });
            break;
          case 'exit':
            if (this.reading.exitCode === undefined) {
              this.#news({ ...this.reading, started: true, exitCode: marker.code });
            }
        }
      }
    }
  }

  #news(reading: ConsoleReading): void {
    this.reading = reading;
    this.#o.onNews(this.#jobKey);
  }

  /** Until the pod changes, or at most `ms`. */
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

function consoleState(pod: Pod) {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find(
    ({ name }) => name === consoleContainer,
  )?.state;
}

function hasLog(pod: Pod): boolean {
  const state = consoleState(pod);
  return state?.running !== undefined || state?.terminated !== undefined || isOver(pod);
}

/** Nothing will be added to its log. */
function isOver(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return consoleState(pod)?.terminated !== undefined || phase === 'Succeeded' || phase === 'Failed';
}
