// What recovery records in the ledger.

import type { LedgerNote } from '../ledger/entry.ts';

export const machineLostNote = (o: {
  readonly at: string;
  readonly attempt: number;
  readonly node: string;
  readonly secondsLost: number;
  readonly message: string;
}): LedgerNote => ({ ...o, reason: 'MachineLost', message: `attempt ${o.attempt}: ${o.message}` });
