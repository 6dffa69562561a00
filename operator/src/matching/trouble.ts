// How long to keep away from a job whose writes fail, and from the API server when it is the one in trouble.
// Promises: no clock; one job's failures never hold up another's; nothing is tried in a hot loop, however it fails.

import { KubeError } from '../kube/errors.ts';
import type { WriteKind } from './write-gate.ts';

export type Trouble =
  /** Somebody else wrote the job: look again. */
  | 'changed'
  /** The server refuses what we write of this job, and will again. */
  | 'refused'
  /** The server or the way to it is in trouble; no job is to blame. */
  | 'server';

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof KubeError)) return 'refused';
  switch (error.kind) {
    case 'conflict':
    case 'notFound':
    case 'gone':
    case 'alreadyExists':
      return 'changed';
    case 'invalid':
    case 'badRequest':
    case 'forbidden':
      return 'refused';
    case 'unauthorized':
    case 'throttled':
    case 'timeout':
    case 'network':
    case 'server':
    case 'aborted':
      return 'server';
  }
}

const pauses = {
  changed: { baseMs: 20, maxMs: 5_000 },
  refused: { baseMs: 5_000, maxMs: 300_000 },
  server: { baseMs: 100, maxMs: 5_000 },
} as const satisfies Record<Trouble, { baseMs: number; maxMs: number }>;

interface Failures {
  readonly trouble: Trouble;
  readonly count: number;
  readonly untilMs: number;
  /** The job as it was known then. */
  readonly version: string;
  /** The job is left alone altogether: what was refused was its claim, and not only words. */
  readonly altogether: boolean;
}

export class Troubles {
  readonly #jobs = new Map<string, Failures>();
  #server: Failures | undefined;

  /**
   * @param nowMs of the clock that `until` is compared with
   * @param version of the job as it is known now
   * @param kind of the write
   * @returns how often it has failed in a row
   */
  failed(uid: string, error: unknown, nowMs: number, version: string, kind: WriteKind = 'claim'): number {
    const trouble = troubleOf(error);
    const before = trouble === 'server' ? this.#server : this.#jobs.get(uid);
    const count = before?.trouble === trouble ? before.count + 1 : 1;
    const { baseMs, maxMs } = pauses[trouble];
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    const untilMs = nowMs + Math.max(asked, Math.min(maxMs, baseMs * 2 ** Math.min(20, count - 1)));
    const altogether = trouble !== 'refused' || kind === 'claim';
    const failures = { trouble, count, untilMs, version, altogether };
    if (trouble === 'server') this.#server = failures;
    else this.#jobs.set(uid, failures);
    return count;
  }

  succeeded(uid: string): void {
    this.#jobs.delete(uid);
    this.#server = undefined;
  }

  /** What others wrote is seen, once the job is known in another version than when the write failed. */
  seen(uid: string, version: string): void {
    const failures = this.#jobs.get(uid);
    if (failures?.trouble === 'changed' && failures.version !== version) this.#jobs.delete(uid);
  }

  forget(uid: string): void {
    this.#jobs.delete(uid);
  }

  /** Until when nothing is said of the job; undefined when it may be. */
  untilOf(uid: string, nowMs: number): number | undefined {
    const untilMs = this.#jobs.get(uid)?.untilMs;
    return untilMs !== undefined && untilMs > nowMs ? untilMs : undefined;
  }

  /** Until when nothing at all is written. */
  serverUntil(nowMs: number): number | undefined {
    return this.#server && this.#server.untilMs > nowMs ? this.#server.untilMs : undefined;
  }

  /** Jobs that are left alone altogether now. A job whose words are refused may still get its machine. */
  *resting(nowMs: number): Generator<readonly [uid: string, untilMs: number]> {
    for (const [uid, { untilMs, altogether }] of this.#jobs) if (altogether && untilMs > nowMs) yield [uid, untilMs];
  }
}
