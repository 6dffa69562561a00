// Why a job waits, in words: grouped by reason with the numbers that help, the same in status, condition and event.
// Promises: pure; the same tally gives the same words, so that nothing is written when nothing changed; short whatever the size
// of the pool, on one line whatever names and labels hold.

import type { Waiting } from '../model/status.ts';
import type { MachineReason, WaitReason } from '../model/reasons.ts';
import { clauseOf, detailOf, oneLine } from './phrases.ts';
import type { Requirement, Verdict } from './subscribe.ts';
import { tallyOf, type ReasonTally, type Tally } from './tally.ts';

export interface Explanation {
  readonly reason: WaitReason;
  readonly message: string;
  readonly waiting: Waiting;
}

export interface ExplanationInput {
  readonly wanted: Requirement;
  readonly tally: Tally;
  /** Place in line, from 1. */
  readonly position: number;
}

/** Longer than any pool of honest machines makes it; an event takes 1024. */
const longestMessage = 900;

/** @param position place in line, from 1. */
export function explain(wanted: Requirement, verdict: Verdict, position: number): Explanation {
  return explainTally({ wanted, tally: tallyOf(verdict), position });
}

export function explainTally({ wanted, tally, position }: ExplanationInput): Explanation {
  const reasons = tally.reasons.map((group) => ({
    reason: group.reason,
    machines: group.machines,
    names: [...group.names],
    message: detailOf(group, wanted),
  }));
  const say = (reason: WaitReason, text: string): Explanation => {
    const message = oneLine(text, longestMessage);
    return { reason, message, waiting: { position, message, reasons } };
  };
  const place = `${ordinal(position)} in line`;
  const counted = tally.reasons.filter(({ reason }) => isOfPool(reason));
  const [first] = counted;
  if (!first) return say('NoMachines', `${place}; the pool has no approved machine`);
  if (tally.fitting === 0 && counted.every(isForEver)) {
    const short = reasons.filter(({ reason }) => isOfPool(reason)).map(({ message }) => message);
    return say('Unsatisfiable', `no machine of the pool could ever satisfy this: ${short.join('; ')}`);
  }
  // What keeps most of the machines that could ever do it away is the one word for it.
  const { reason } = counted.find((group) => !isForEver(group)) ?? first;
  return say(reason, `${place}; ${counted.map((group) => clauseOf(group, wanted)).join(', ')}`);
}

const outside: ReadonlySet<string> = new Set<MachineReason>(['NotApproved', 'Revoked']);

/** A machine that no admin approves is none of the pool, and no reason to wait. */
export function isOfPool(reason: string): boolean {
  return !outside.has(reason);
}

function isForEver({ forEver, machines }: ReasonTally): boolean {
  return forEver === machines;
}

export function ordinal(n: number): string {
  const tens = n % 100;
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}
