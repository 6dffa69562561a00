// The operator's memory of the ledger: what every implementation of a history store does.
// Promises of each: a line that is there already is not added again (see entryKey); what is old or too much goes, oldest first.

import type { LedgerEntry } from './entry.ts';

/** What an attempt of a job was charged: these cores and this memory, from here to there. */
export interface Charge {
  readonly uid: string;
  readonly attempt: number;
  readonly namespace: string;
  readonly cores: number;
  readonly memoryMiB: number;
  /** Ms since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface HistoryQuery {
  /** Undefined: of all namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  /** Name of a job; needs one namespace. Several jobs may have had the name, one after the other. */
  readonly job?: string | undefined;
  /** Only lines about this machine: as where it happened, or where a guest went. */
  readonly machine?: string | undefined;
  /** Only lines of this time or later, ms since the epoch. */
  readonly sinceMs?: number | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  /** From the page before. */
  readonly cursor?: HistoryCursor | undefined;
}

/** The last line of a page: the next page begins right behind it. */
export interface HistoryCursor {
  readonly atMs: number;
  readonly id: number;
}

export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly LedgerEntry[];
  /** Undefined: there is nothing further. */
  readonly next?: HistoryCursor | undefined;
}

export interface HistoryStore {
  /** In one transaction. @returns how many lines were new. Throws when nothing could be written. */
  append(entries: readonly LedgerEntry[], charges: readonly Charge[]): number;
  query(query: HistoryQuery): HistoryPage;
  /** Removes what is older than its days or more than its size. @returns true when there is more to remove. */
  prune(nowMs: number): boolean;
  /** What attempts were charged that ended at `sinceMs` or later, of all jobs; whose job is gone only the caller knows. */
  charges(sinceMs: number): readonly Charge[];
  close(): void;
}
