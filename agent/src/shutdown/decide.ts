// Whether a shutdown or a sleep of the machine has to wait for its guests.
// Promises: pure. A machine without guests is never held up, and one with guests not past its limit, shortly before which those
// that are left are ended; once let go it is not held again before the announcement is called off.

export interface LockFacts {
  /** Guests on the machine; undefined when nobody can count them, which may be some. */
  readonly guests: number | undefined;
  /** Since sleep or shutdown was announced, ms; undefined while the machine stays. */
  readonly leavingForMs: number | undefined;
  readonly limitMs: number;
  readonly held: boolean;
}

export type LockReason =
  'NoGuests' | 'GuestsHere' | 'GuestsLeave' | 'GuestsEnd' | 'GuestsGone' | 'LimitReached' | 'TooLate';

export interface LockDecision {
  readonly hold: boolean;
  readonly reason: LockReason;
}

/** What logind grants if it does not tell (InhibitDelayMaxSec of logind.conf(5)). */
const usualDelayMs = 5_000;
/** The last of the time is for ending the guests that are left, ms. */
const endingMs = 500;
/** Logind must see that we let go by ourselves; it complains of those who do not. */
const marginMs = 1_000;

/** @param grantedMs logind's own limit; it counts for all who hold a shutdown up together. */
export function longestDelayMs(configuredMs: number, grantedMs = usualDelayMs): number {
  return Math.max(0, Math.min(configuredMs, grantedMs - marginMs));
}

/** What of the limit is left for guests to leave in, ms; not negative. */
export function leavingMs(limitMs: number, leavingForMs = 0): number {
  return Math.max(0, limitMs - endingMs - leavingForMs);
}

export function decideLock({ guests, leavingForMs, limitMs, held }: LockFacts): LockDecision {
  if (leavingForMs === undefined) {
    if (limitMs === 0) return { hold: false, reason: 'LimitReached' };
    return guests === 0 ? { hold: false, reason: 'NoGuests' } : { hold: true, reason: 'GuestsHere' };
  }
  // Logind refuses a lock on what is already under way.
  if (!held) return { hold: false, reason: 'TooLate' };
  if (guests === 0) return { hold: false, reason: 'GuestsGone' };
  if (leavingForMs >= limitMs) return { hold: false, reason: 'LimitReached' };
  return { hold: true, reason: leavingMs(limitMs, leavingForMs) > 0 ? 'GuestsLeave' : 'GuestsEnd' };
}
