// One line of the ledger: when, which job, what, why, where, for how long, and how much work was lost.
// Promises: what comes out of `ledgerEntry` is within bounds, whatever was said; the same decision said twice has one key.

import type { ComputeJob } from '../api/compute-job.ts';
import { ledgerReasons, type LedgerCause, type LedgerReason } from './reasons.ts';

export interface LedgerEntry {
  /** RFC 3339, UTC; the time that the status has for the same decision, where it has one. */
  readonly at: string;
  readonly job: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly attempt?: number;
  readonly reason: LedgerReason;
  readonly cause?: LedgerCause;
  /** The rung of the yield ladder that was taken. */
  readonly rung?: string;
  readonly node?: string;
  readonly toNode?: string;
  /** Of a claim: the winner, then the runners-up. At most sixteen. */
  readonly machines?: readonly string[];
  /** Name of the migration that it is about. */
  readonly migration?: string;
  readonly exitCode?: number;
  readonly outcome?: 'Succeeded' | 'Failed';
  /** How long it took. */
  readonly seconds?: number;
  /** Seconds of work that are gone. */
  readonly secondsLost?: number;
  /** How long the guest stood still meanwhile. */
  readonly downtimeSeconds?: number;
  /** The same in a sentence, at most 1024 characters. */
  readonly message: string;
}

/** A line as its author says it: undefined stands for "not known", and the job is given beside it. */
export type LedgerNote = { readonly [K in Exclude<keyof LedgerEntry, 'job'>]?: LedgerEntry[K] | undefined } & Pick<
  LedgerEntry,
  'at' | 'reason' | 'message'
>;

const longestMessage = 1024;
const longestName = 253;
const mostMachines = 16;

/** Throws TypeError when the reason or the time is none; everything else is brought within its bounds. */
export function ledgerEntry(job: ComputeJob, note: LedgerNote): LedgerEntry {
  if (ledgerReasons[note.reason] === undefined) throw new TypeError(`"${note.reason}" is no reason of the ledger`);
  if (Number.isNaN(Date.parse(note.at))) throw new TypeError(`"${note.at}" is no time`);
  const { namespace = '', name, uid = '' } = job.metadata;
  const { at, attempt, reason, cause, rung, node, toNode, machines, migration, exitCode, outcome, message } = note;
  return {
    at,
    job: { namespace, name, uid },
    ...(attempt === undefined ? {} : { attempt }),
    reason,
    ...(cause === undefined ? {} : { cause }),
    ...(rung === undefined ? {} : { rung: cut(rung, longestName) }),
    ...(node === undefined ? {} : { node: cut(node, longestName) }),
    ...(toNode === undefined ? {} : { toNode: cut(toNode, longestName) }),
    ...(machines === undefined ? {} : { machines: machines.slice(0, mostMachines).map((m) => cut(m, longestName)) }),
    ...(migration === undefined ? {} : { migration: cut(migration, longestName) }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(outcome === undefined ? {} : { outcome }),
    ...duration('seconds', note.seconds),
    ...duration('secondsLost', note.secondsLost),
    ...duration('downtimeSeconds', note.downtimeSeconds),
    message: cut(message, longestMessage),
  };
}

/** What makes two lines the same one, so that a restarted operator adds none that is there already. */
export function entryKey({ job, attempt, reason, migration, at }: LedgerEntry): string {
  const { once } = ledgerReasons[reason];
  if (once === 'job') return `${job.uid}/${reason}`;
  if (once === 'attempt') return `${job.uid}/${attempt ?? ''}/${reason}`;
  return `${job.uid}/${attempt ?? ''}/${reason}/${migration ?? new Date(at).toISOString()}`;
}

/** Not negative, finite, in whole milliseconds; anything else is as good as not known. */
function duration<K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  if (value === undefined || !Number.isFinite(value) || value < 0) return {};
  return { [key]: Math.round(value * 1000) / 1000 } as { readonly [P in K]?: number };
}

/** At most `most` UTF-16 units, never within a character. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
