// What each namespace has used of the pool, worked out once more from the attempts in the writes.
// Promises: follows the definition in docs/queue.md and shares no code with the operator's queue; attempts of jobs that will
// not change any more are kept as one sum, so that a long run costs no more than a short one.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Write } from '../api/memory-api.ts';
import { hourMs } from '../owners/visit.ts';
import { isOver, needOf } from './facts.ts';

/** What was used counts half after this time. */
const halfLifeMs = 24 * hourMs;
/** A machine counts from the moment it is claimed, as if it had been held for so long already. */
const aheadMs = 60_000;
/** What the lab took away is not charged. */
const uncharged: ReadonlySet<string> = new Set(['MachineLost', 'Drained', 'OwnerReturned', 'Preempted', 'TakenAway']);

/** Cores and MiB, or either of them for a time in ms. */
export interface Used {
  readonly cores: number;
  readonly memoryMiB: number;
}

export const unused: Used = { cores: 0, memoryMiB: 0 };

export function more(a: Used, b: Used, times = 1): Used {
  return { cores: a.cores + b.cores * times, memoryMiB: a.memoryMiB + b.memoryMiB * times };
}

/** What being served counts for at once. */
export function ahead(need: Used): Used {
  return more(unused, need, aheadMs);
}

interface Held {
  readonly fromMs: number;
  readonly claimedMs: number;
  /** Undefined: it goes on. */
  readonly toMs: number | undefined;
}

interface Entry {
  readonly need: Used;
  readonly held: readonly Held[];
}

interface Account {
  /** Of jobs that may still change, by uid. */
  readonly entries: Map<string, Entry>;
  /** Of all others, as it weighed at that moment. */
  past: { readonly used: Used; readonly atMs: number };
  /** When an attempt of the namespace was last begun, ended or taken off, ms since the epoch. */
  endedMs: number;
}

export class NamespaceUsage {
  readonly #accounts = new Map<string, Account>();

  /** @param nowMs since the epoch. */
  saw(type: Write['type'], job: ComputeJob, nowMs: number): void {
    const { uid = '', namespace = '' } = job.metadata;
    const account = this.#account(namespace);
    const before = account.entries.get(uid);
    const held = heldBy(job, type === 'DELETED' ? nowMs : undefined);
    if (held.length === 0 && before === undefined) return;
    if (openOf(before) && !held.some(({ toMs }) => toMs === undefined)) account.endedMs = nowMs;
    const { cores, memoryMiB } = needOf(job);
    const entry: Entry = { need: { cores, memoryMiB }, held };
    if (type !== 'DELETED') {
      account.entries.set(uid, entry);
      return;
    }
    account.entries.delete(uid);
    account.past = { used: more(weighed(account.past, nowMs), charged(entry, nowMs, nowMs)), atMs: nowMs };
  }

  /** Core-ms and MiB-ms as they weigh at that moment; what was claimed at that moment or later is left out. */
  at(namespace: string, atMs: number): Used {
    const account = this.#account(namespace);
    let used = weighed(account.past, atMs);
    for (const entry of account.entries.values()) {
      used = more(used, charged(entry, atMs, atMs));
      for (const { toMs, claimedMs } of entry.held) {
        if (toMs === undefined && claimedMs < atMs) used = more(used, entry.need, aheadMs);
      }
    }
    return used;
  }

  /** When a machine of the namespace was last given back, ms since the epoch. */
  endedMs(namespace: string): number {
    return this.#account(namespace).endedMs;
  }

  #account(namespace: string): Account {
    let account = this.#accounts.get(namespace);
    if (!account) {
      account = { entries: new Map(), past: { used: unused, atMs: 0 }, endedMs: 0 };
      this.#accounts.set(namespace, account);
    }
    return account;
  }
}

function openOf(entry: Entry | undefined): boolean {
  return entry?.held.some(({ toMs }) => toMs === undefined) === true;
}

/** @param goneMs when a job that is gone was last seen to hold what it held. */
function heldBy(job: ComputeJob, goneMs: number | undefined): Held[] {
  return (job.status?.attempts ?? []).flatMap(({ claimed, ended, reason, secondsStill = 0 }): Held[] => {
    const claimedMs = Date.parse(claimed ?? '');
    if (Number.isNaN(claimedMs) || (ended !== undefined && uncharged.has(reason ?? ''))) return [];
    if (ended === undefined && isOver(job)) return [];
    const toMs = ended === undefined ? goneMs : Date.parse(ended);
    return [{ claimedMs, fromMs: claimedMs + secondsStill * 1000, toMs }];
  });
}

function charged({ need, held }: Entry, untilMs: number, atMs: number): Used {
  let weight = 0;
  for (const { fromMs, toMs = untilMs, claimedMs } of held) {
    if (claimedMs < untilMs && toMs > fromMs) weight += faded(toMs, atMs) - faded(fromMs, atMs);
  }
  return more(unused, need, (weight * halfLifeMs) / Math.LN2);
}

function weighed({ used, atMs }: Account['past'], nowMs: number): Used {
  return more(unused, used, faded(atMs, nowMs));
}

function faded(fromMs: number, atMs: number): number {
  return 2 ** ((fromMs - atMs) / halfLifeMs);
}
