// The metrics of the ledger.

import { Counter, type Registry } from 'prom-client';
import type { LedgerReason } from './reasons.ts';

export interface LedgerMetrics {
  readonly recorded: (reason: LedgerReason) => void;
  readonly dropped: (count: number) => void;
}

export function createLedgerMetrics(registry: Registry): LedgerMetrics {
  const registers = [registry];
  const entries = new Counter({
    name: 'idlewild_ledger_entries_total',
    help: 'Decisions about jobs, by reason',
    labelNames: ['reason'],
    registers,
  });
  const dropped = new Counter({
    name: 'idlewild_ledger_dropped_total',
    help: 'Decisions that the history store did not get: too many at once, or it could not be written',
    registers,
  });
  return { recorded: (reason) => entries.inc({ reason }), dropped: (count) => dropped.inc(count) };
}
