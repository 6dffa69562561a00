// Whether the owner is at the machine this very moment, which is another question than whether the machine is theirs (presence).
// Promises: pure. Active at the first sign, over only after a calm; a short visit ends sooner than a long one.

import type { Readings } from '../presence/readings.ts';

export interface Habits {
  /** A burst of signs shorter than this was a passing hand, ms. */
  readonly shortBurstMs: number;
  /** The calm that ends a short burst, and the one that ends a longer one, ms. */
  readonly calmAfterShortMs: number;
  readonly calmAfterLongMs: number;
  /** The least time that the owner counts as active, ms. */
  readonly dwellMs: number;
}

export const habits: Habits = {
  shortBurstMs: 5_000,
  calmAfterShortMs: 10_000,
  calmAfterLongMs: 60_000,
  dwellMs: 5_000,
};

/** Of a machine that is lent again after `idleAfterMs` without a sign: by then nothing may be held back any more. */
export function habitsBy(idleAfterMs: number): Habits {
  const { shortBurstMs, calmAfterShortMs, calmAfterLongMs, dwellMs } = habits;
  return {
    shortBurstMs,
    calmAfterShortMs: Math.min(calmAfterShortMs, idleAfterMs),
    calmAfterLongMs: Math.min(calmAfterLongMs, idleAfterMs),
    dwellMs: Math.min(dwellMs, idleAfterMs),
  };
}

export type Activity =
  | { readonly active: false }
  | {
      readonly active: true;
      /** When it began, monotonic ms. */
      readonly beganMs: number;
      /** The last sign of a person, monotonic ms. */
      readonly lastMs: number;
    };

export interface Signs {
  /** Since the last key, motion, login or unlocking, ms; undefined when nothing tells. */
  readonly ageMs?: number | undefined;
  /** The owner said "stop now", which holds without any further sign. */
  readonly stopped: boolean;
}

/** @param nowMs monotonic. */
export function decideActivity(before: Activity, { ageMs, stopped }: Signs, nowMs: number, by = habits): Activity {
  const signMs = stopped ? nowMs : ageMs === undefined ? undefined : nowMs - ageMs;
  if (!before.active) {
    // What is older than the shorter calm would be over at once.
    if (signMs === undefined || nowMs - signMs >= by.calmAfterShortMs) return before;
    return { active: true, beganMs: signMs, lastMs: signMs };
  }
  const lastMs = Math.max(before.lastMs, signMs ?? before.lastMs);
  const long = lastMs - before.beganMs >= by.shortBurstMs;
  const calmMs = nowMs - lastMs;
  const over = calmMs >= (long ? by.calmAfterLongMs : by.calmAfterShortMs) && nowMs - before.beganMs >= by.dwellMs;
  return over ? { active: false } : { ...before, lastMs };
}

/** The age of the youngest sign of a person, ms. A greeter is no person. */
export function signAge({ inputMs, sessions = [] }: Readings): number | undefined {
  const people = sessions.filter(({ isUser }) => isUser);
  const ages = [inputMs, ...people.flatMap(({ ageMs, unlockedMs }) => [ageMs, unlockedMs])];
  const known = ages.filter((age) => age !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
