// What evacuation records in the ledger.

import type { LedgerNote } from '../ledger/entry.ts';
import type { EvacuationReason } from '../model/reasons.ts';

export const evacuationNote = (
  at: string,
  reason: EvacuationReason,
  message: string,
  facts: Partial<LedgerNote> = {},
): LedgerNote => ({ ...facts, at, reason, message });
