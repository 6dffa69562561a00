// Why one job waits, in the words that its status, condition and event have.
// Promises: pure; the same pass gives the same words; bounded whatever the size of the pool.

import type { Machine } from '../model/machine.ts';
import type { MachineReason } from '../model/reasons.ts';
import type { Wait } from './decide.ts';
import { withOwn } from './tally.ts';
import type { Verdicts } from './verdicts.ts';
import { explainTally, type Explanation } from './words.ts';

const minuteMs = 60_000;

/**
 * @param o.verdicts as the pass left them
 * @param o.expectedMs when the job will start, as far as that can be told; ms since the epoch
 */
export function explainWait(
  { waiter, position, own }: Wait,
  o: {
    readonly verdicts: Verdicts;
    readonly nowMs: number;
    readonly isSilent: (machine: string) => boolean;
    readonly expectedMs?: number | undefined;
  },
): Explanation {
  const also = waiter.lowered === undefined ? '' : `; ${waiter.lowered}`;
  if (own?.said) {
    const { reason, message } = own.said;
    const text = `${message}${also}`;
    return { reason, message: text, waiting: { position, message: text, reasons: [{ reason, machines: 0, message }] } };
  }
  const { verdicts, nowMs, isSilent, expectedMs } = o;
  const of = verdicts.classOf(waiter.requirement);
  const held = new Set(waiter.held.filter(({ untilMs }) => untilMs > nowMs).map(({ node }) => node));
  // What fits and was not given to it is kept from it: by its own failure there, by silence, or for a job ahead of it.
  const kept = [...verdicts.fitting(of)].map((machine): { machine: Machine; reason: MachineReason } => ({
    machine,
    reason: held.has(machine.name) ? 'HeldAgainst' : isSilent(machine.name) ? 'NotReady' : 'ReservedForEarlier',
  }));
  const said = explainTally({ wanted: waiter.requirement, tally: withOwn(verdicts.verdictOf(of), kept), position });
  if (said.reason === 'Unsatisfiable') return said;
  // Whole minutes: the words must not change with every moment.
  const estimate = expectedMs === undefined ? undefined : new Date(Math.ceil(expectedMs / minuteMs) * minuteMs);
  const expected = estimate ? `; a machine is expected to be free at ${inWords(estimate)}` : '';
  const message = `${said.message}${expected}${also}`;
  const waiting = { ...said.waiting, message, ...(estimate ? { estimate: estimate.toISOString() } : {}) };
  return { reason: said.reason, message, waiting };
}

function inWords(time: Date): string {
  const text = time.toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}
