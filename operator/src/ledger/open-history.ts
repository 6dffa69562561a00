// The history that the command line asks for.

import type { Logger } from 'pino';
import type { HistoryStore } from './history.ts';
import { MemoryHistory } from './memory-history.ts';
import { SqliteHistory } from './sqlite-history.ts';

const dayMs = 24 * 3600_000;
const mib = 1024 * 1024;

/** Throws an Error that says what is wrong with the file. */
export function openHistory(o: {
  /** Undefined: in memory. */
  readonly file: string | undefined;
  readonly days: number;
  readonly mib: number;
  readonly log: Logger;
  readonly now: () => number;
}): HistoryStore {
  const { file, days, log, now } = o;
  const keepMs = days * dayMs;
  return file === undefined
    ? new MemoryHistory({ keepMs })
    : new SqliteHistory({ file, keepMs, maxBytes: o.mib * mib, log, now });
}
