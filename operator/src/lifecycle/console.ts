// Follows the serial consoles of attempts and keeps the markers that their guests printed.
// Promises: what was read is only in memory, for it can be read again; however many guests there are and whatever they print, the
// open streams, the reads at one time and the memory of each are bounded.
// Must not decide what a marker means.

import type { Logger } from 'pino';
import type { Pod } from '../api/kubernetes.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock, Timer } from '../kube/clock.ts';
import { nothingRead, type ConsoleReading } from './decide.ts';
import { PodConsole } from './pod-console.ts';
import { StreamSlots, Turns } from './stream-slots.ts';

export interface ConsoleSettings {
  /** Streams that stay open at one time. Guests beyond that are read now and then, and at their end. */
  readonly liveStreams: number;
  /** Reads at one time that only fetch what is there. */
  readonly reads: number;
  /** How often the end of a log is read that nobody follows: only a guest that does not power itself off needs it. */
  readonly restMs: number;
  /** A log that cannot be read for this long is no reason to wait any longer. */
  readonly patienceMs: number;
}

export const consoleSettings: ConsoleSettings = {
  liveStreams: 64,
  reads: 32,
  restMs: 60_000,
  patienceMs: 60_000,
};

export interface ConsolesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly settings?: Partial<ConsoleSettings> | undefined;
  /** Told when something new was read for the attempt. */
  readonly onNews: (jobKey: string) => void;
}

interface Followed {
  readonly nonce: string;
  /** By uid. */
  readonly pods: Map<string, PodConsole>;
  /** Set once the guest is off: runs until its logs are waited for no longer. */
  patience?: Timer;
  outOfPatience: boolean;
}

export class Consoles {
  readonly #o: ConsolesOptions;
  readonly #settings: ConsoleSettings;
  readonly #slots: StreamSlots;
  readonly #turns: Turns;
  /** By job key. */
  readonly #attempts = new Map<string, Followed>();

  constructor(options: ConsolesOptions) {
    this.#o = options;
    this.#settings = { ...consoleSettings, ...options.settings };
    this.#slots = new StreamSlots(this.#settings.liveStreams);
    this.#turns = new Turns(this.#settings.reads);
  }

  /** Streams that are open now. */
  get live(): number {
    return this.#slots.taken;
  }

  /**
   * Follows exactly these pods for the job's attempt and says what has been read so far.
   * @param nonce hexadecimal, see render/markers.ts.
   * @param over the guest is off, so what is not read soon will not be read.
   */
  follow(jobKey: string, nonce: string, pods: readonly Pod[], over = false): ConsoleReading {
    const attempt = this.#of(jobKey, nonce);
    const { client, clock, log, random, onNews } = this.#o;
    for (const pod of pods) {
      const uid = pod.metadata.uid ?? '';
      const known = attempt.pods.get(uid);
      if (known) known.update(pod);
      else {
        const { restMs, patienceMs } = this.#settings;
        const shared = { client, clock, log, random, slots: this.#slots, turns: this.#turns, restMs, patienceMs };
        attempt.pods.set(uid, new PodConsole({ ...shared, nonce, pod, onNews: () => onNews(jobKey) }));
      }
    }
    const present = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, reading] of attempt.pods) if (!present.has(uid)) reading.gone();
    if (over && !attempt.patience) {
      attempt.patience = clock.setTimeout(() => {
        attempt.outOfPatience = true;
        onNews(jobKey);
      }, this.#settings.patienceMs);
    }
    return joined(attempt);
  }

  /** Reads anew what is not followed, because a verdict depends on it. */
  refresh(jobKey: string): void {
    for (const console of this.#attempts.get(jobKey)?.pods.values() ?? []) console.refresh();
  }

  forget(jobKey: string): void {
    const attempt = this.#attempts.get(jobKey);
    attempt?.patience?.cancel();
    for (const console of attempt?.pods.values() ?? []) console.close();
    this.#attempts.delete(jobKey);
  }

  close(): void {
    for (const jobKey of [...this.#attempts.keys()]) this.forget(jobKey);
  }

  #of(jobKey: string, nonce: string): Followed {
    const known = this.#attempts.get(jobKey);
    if (known?.nonce === nonce) return known;
    this.forget(jobKey);
    const attempt: Followed = { nonce, pods: new Map(), outOfPatience: false };
    this.#attempts.set(jobKey, attempt);
    return attempt;
  }
}

/** Over all pods: a migration gives a guest a second one, in which its console goes on. */
function joined({ pods, outOfPatience }: Followed): ConsoleReading {
  let all: ConsoleReading = { ...nothingRead, current: true, complete: true };
  let starts = 0;
  for (const pod of pods.values()) {
    const { reading } = pod;
    starts += reading.starts;
    all = {
      started: all.started || reading.starts > 0 || reading.exitCode !== undefined,
      reboots: 0,
      exitCode: all.exitCode ?? reading.exitCode,
      current: all.current && pod.isCurrent,
      complete: all.complete && reading.complete,
    };
  }
  return {
    ...all,
    reboots: Math.max(0, starts - 1),
    current: all.current || outOfPatience,
    complete: all.complete || outOfPatience,
  };
}
