// What matching records in the ledger.

import type { LedgerNote } from '../ledger/entry.ts';
import type { Subscriber } from '../model/job.ts';
import type { WaitReason } from '../model/reasons.ts';

export const publishedNote = (at: string, id: string): LedgerNote => ({
  at,
  reason: 'Published',
  message: `published ${id}`,
});

export const claimedNote = (o: {
  readonly at: string;
  readonly attempt: number;
  readonly subscribers: readonly Subscriber[];
  readonly reason: 'FirstReady' | 'RunnerUp';
  readonly message: string;
}): LedgerNote => ({
  at: o.at,
  reason: 'Claimed',
  cause: o.reason,
  attempt: o.attempt,
  node: o.subscribers[0]?.node,
  machines: o.subscribers.map(({ node }) => node),
  message: `attempt ${o.attempt}: ${o.message} (${o.reason})`,
});

export const waitingNote = (at: string, reason: WaitReason, message: string): LedgerNote => ({
  at,
  reason: 'Waiting',
  cause: reason,
  message,
});

export const refusedNote = (at: string, message: string): LedgerNote => ({ at, reason: 'Refused', message });
