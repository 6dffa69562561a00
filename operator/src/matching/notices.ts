// When a waiting job's status is written again: at once the first time, then seldom, and never many in a second.
// Promises: no clock; the front of the line is told more often than the rest, and nobody of the rest is left out for long;
// what no pass has looked at since is not looked at again.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Wait } from './decide.ts';

export interface NoticeSettings {
  /** Jobs at the front of the line, and how often they and the others are written at most. */
  readonly front: number;
  readonly frontMs: number;
  readonly restMs: number;
  /** Of all, without first ones. */
  readonly perSecond: number;
}

export const noticeSettings: NoticeSettings = { front: 20, frontMs: 5_000, restMs: 60_000, perSecond: 20 };

interface Told {
  readonly atMs: number;
  readonly pass: number;
}

export class Notices {
  readonly #settings: NoticeSettings;
  readonly #told = new Map<string, Told>();
  #cursor = 0;
  /** Writes that may be made now, without first ones. */
  #credit: number;
  #creditAtMs = 0;

  constructor(settings: NoticeSettings = noticeSettings) {
    this.#settings = settings;
    this.#credit = settings.perSecond;
  }

  forget(uid: string): void {
    this.#told.delete(uid);
  }

  /**
   * Hands out the waits whose words are due.
   * @param pass number of the pass that the waits are from
   * @param nowMs monotonic
   * @param jobOf the job as it is now; undefined when it waits no more
   * @param tell writes the words if they are others than before; false when they are the same
   * @returns when to come again, in ms; undefined when there is nothing to tell before the next pass
   */
  tell(
    waits: readonly Wait[],
    pass: number,
    nowMs: number,
    jobOf: (wait: Wait) => ComputeJob | undefined,
    tell: (wait: Wait, job: ComputeJob) => boolean,
  ): number | undefined {
    const { front, frontMs, restMs, perSecond } = this.#settings;
    this.#credit = Math.min(perSecond, this.#credit + (Math.max(0, nowMs - this.#creditAtMs) * perSecond) / 1000);
    this.#creditAtMs = nowMs;
    let nextMs = Infinity;
    // Behind the front everyone has a turn, however long the line.
    const rest = Math.max(1, waits.length - front);
    const from = this.#cursor;
    for (let n = 0; n < waits.length; n++) {
      const index = n < front ? n : front + ((from + n - front) % rest);
      const wait = waits[index];
      if (!wait || (wait.own && !wait.own.said)) continue;
      const job = jobOf(wait);
      if (!job) continue;
      const { uid } = wait.waiter;
      const told = this.#told.get(uid);
      if (job.status?.waiting === undefined || job.status.publication === undefined) {
        // A status that was sent comes back with the job; until then it is not sent twice.
        if (told && nowMs - told.atMs < frontMs) nextMs = Math.min(nextMs, told.atMs + frontMs - nowMs);
        else {
          this.#told.set(uid, { atMs: nowMs, pass });
          tell(wait, job);
        }
        continue;
      }
      if (!told) {
        // Written by an operator before this one, or by one that did not see its own answer.
        this.#told.set(uid, { atMs: nowMs, pass: pass - 1 });
        nextMs = Math.min(nextMs, index < front ? frontMs : restMs);
        continue;
      }
      if (told.pass === pass) continue;
      const dueMs = told.atMs + (index < front ? frontMs : restMs);
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs - nowMs);
        continue;
      }
      if (this.#credit < 1) {
        nextMs = Math.min(nextMs, 1_000);
        break;
      }
      const wrote = tell(wait, job);
      if (wrote) this.#credit -= 1;
      this.#told.set(uid, { atMs: wrote ? nowMs : told.atMs, pass });
      if (index >= front) this.#cursor = index - front + 1;
    }
    return nextMs === Infinity ? undefined : Math.max(nextMs, 1);
  }
}
