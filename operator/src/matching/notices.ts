// When a waiting job's status is written again: at once the first time, then seldom, and never many in a second.
// Promises: no clock; the front of the line is told more often than the rest, and nobody of the rest is left out for long;
// what no pass has looked at since is not looked at again; a line that moves up by one is no news to those far behind.

import { isDeepStrictEqual } from 'node:util';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Waiting } from '../model/status.ts';
import type { Wait } from './decide.ts';
import type { Explanation } from './words.ts';

export interface NoticeSettings {
  /** Jobs at the front of the line, and how often they and the others are written at most. */
  readonly front: number;
  readonly frontMs: number;
  readonly restMs: number;
  /** Of all, without first ones. */
  readonly perSecond: number;
}

export const noticeSettings: NoticeSettings = { front: 20, frontMs: 15_000, restMs: 60_000, perSecond: 20 };

/** How soon the front is looked at again after its first words. */
const secondMs = 2_000;
/** Behind the front, words that say much the same are good for this long. */
const goodForMs = 15 * 60_000;
/** A place in line that is this part nearer or farther is worth saying. */
const muchOfPlace = 0.25;

/** What was said to a job, and when. */
export interface Said {
  readonly front: boolean;
  /** Since it was last written, ms. */
  readonly sinceMs: number;
}

/** Whether other words than those in the status are worth a write. */
export function isNews({ status }: ComputeJob, now: Explanation, { front, sinceMs }: Said): boolean {
  const before = status?.waiting;
  if (before === undefined || isDeepStrictEqual(before, now.waiting)) return before === undefined;
  if (front || sinceMs >= goodForMs || status?.reason !== now.reason) return true;
  if (!isDeepStrictEqual(namesOf(before), namesOf(now.waiting))) return true;
  const [was = 0, is = 0] = [before.position, now.waiting.position];
  return Math.abs(was - is) >= muchOfPlace * was;
}

function namesOf({ reasons = [] }: Waiting): Set<string> {
  return new Set(reasons.map(({ reason }) => reason));
}

interface Told {
  /** When the job was last written, monotonic ms. */
  readonly atMs: number;
  /** When its words were last worked out. */
  readonly lookedMs: number;
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
   * @param tell writes the words if that is worth it; false when it is not
   * @returns when to come again, in ms; undefined when there is nothing to tell before the next pass
   */
  tell(
    waits: readonly Wait[],
    pass: number,
    nowMs: number,
    jobOf: (wait: Wait) => ComputeJob | undefined,
    tell: (wait: Wait, job: ComputeJob, said: Said) => boolean,
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
          // The first words come at once, and say less than is known a moment later.
          this.#told.set(uid, { atMs: nowMs, lookedMs: nowMs - (index < front ? frontMs - secondMs : 0), pass });
          const wrote = tell(wait, job, { front: index < front, sinceMs: Infinity });
          if (!wrote) nextMs = Math.min(nextMs, frontMs);
        }
        continue;
      }
      if (!told) {
        // Written by an operator before this one, or by one that did not see its own answer.
        this.#told.set(uid, { atMs: nowMs, lookedMs: nowMs, pass: pass - 1 });
        nextMs = Math.min(nextMs, index < front ? frontMs : restMs);
        continue;
      }
      if (told.pass === pass) continue;
      // Working out the words of a long line for every pass would cost more than the pass.
      const dueMs = told.lookedMs + (index < front ? frontMs : restMs);
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs - nowMs);
        continue;
      }
      if (this.#credit < 1) {
        nextMs = Math.min(nextMs, 1_000);
        break;
      }
      const wrote = tell(wait, job, { front: index < front, sinceMs: nowMs - told.atMs });
      if (wrote) this.#credit -= 1;
      this.#told.set(uid, { atMs: wrote ? nowMs : told.atMs, lookedMs: nowMs, pass });
      if (index >= front) this.#cursor = index - front + 1;
    }
    return nextMs === Infinity ? undefined : Math.max(nextMs, 1);
  }
}
