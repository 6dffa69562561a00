// What the life of a job records in the ledger.

import type { LedgerNote } from '../ledger/entry.ts';
import type { Attempt } from '../model/job.ts';
import type { ProgressReason } from '../model/reasons.ts';
import type { AttemptOutcome } from './outcome.ts';

export const createdNote = (at: string, { number, virtualMachine, node }: Attempt): LedgerNote => ({
  at,
  reason: 'VirtualMachineCreated',
  attempt: number,
  node,
  message: `created virtual machine ${virtualMachine} for ${node}`,
});

export const startedNote = (at: string, { number, node }: Attempt): LedgerNote => ({
  at,
  reason: 'Started',
  attempt: number,
  node,
  message: `attempt ${number} has started on ${node}`,
});

export const endedNote = (
  at: string,
  { number, node }: Attempt,
  { reason, message, outcome, exitCode }: AttemptOutcome,
  o: { readonly seconds?: number | undefined; readonly secondsLost?: number | undefined },
): LedgerNote => ({
  at,
  reason,
  attempt: number,
  node,
  exitCode,
  outcome,
  ...o,
  message: `attempt ${number}: ${message}`,
});

export const finishedNote = (
  at: string,
  { number, node }: Attempt,
  { message, outcome, exitCode }: AttemptOutcome,
): LedgerNote => ({ at, reason: 'Finished', attempt: number, node, exitCode, outcome, message });

/** Of a job that ends without an attempt that ends with it. */
export const stoppedNotes = (
  at: string,
  last: Attempt | undefined,
  { message, outcome }: AttemptOutcome,
): LedgerNote[] => [
  { at, reason: 'Stopped', outcome, message },
  { at, reason: 'Finished', attempt: last?.number, node: last?.node, outcome, message },
];

export const troubleNote = (
  at: string,
  attempt: Attempt | undefined,
  reason: ProgressReason,
  message: string,
): LedgerNote => ({ at, reason, attempt: attempt?.number, node: attempt?.node, message });
