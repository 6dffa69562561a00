// What preemption records in the ledger.

import type { LedgerNote } from '../ledger/entry.ts';
import type { Attempt } from '../model/job.ts';

export const noticeNote = (at: string, attempt: Attempt, message: string): LedgerNote => ({
  at,
  reason: 'Preempting',
  attempt: attempt.number,
  node: attempt.node,
  message,
});

export const calledOffNote = (at: string, message: string): LedgerNote => ({ at, reason: 'CalledOff', message });

export const preemptedNote = (
  at: string,
  attempt: Attempt,
  o: { readonly message: string; readonly secondsLost: number | undefined },
): LedgerNote => ({ at, reason: 'Preempted', attempt: attempt.number, node: attempt.node, ...o });
