// What each namespace has used of the pool, as it fades with time.
// Promises: no clock; a change costs as much as the attempts of one job and nothing is ever walked over to let it fade:
// instead of shrinking old charges, new ones are written larger (by 2 per half-life), which leaves every comparison as it is.

import type { ComputeJob } from '../api/compute-job.ts';
import { isTakenByLab } from '../ledger/usage.ts';
import { needsOfJob } from '../model/capacity.ts';
import { attemptsOf, isFinished, type Attempt } from '../model/job.ts';

export interface UsageSettings {
  readonly halfLifeMs: number;
  /** A machine in use counts this much ahead, so that a claim counts from the moment it is made. */
  readonly aheadMs: number;
}

/** Cores and MiB, held for a time. */
export interface Charge {
  readonly namespace: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Two resources side by side; what they are counted in is up to the place. */
export interface Pair {
  readonly cores: number;
  readonly memoryMiB: number;
}

interface Tally {
  /** Charges that are over, inflated. */
  closed: Pair;
  /** In use now. */
  rate: Pair;
  /** What is in use, times the inflation at the moment it began. */
  offset: Pair;
  /** Guests that are in use now. */
  open: number;
}

const zero: Pair = { cores: 0, memoryMiB: 0 };
/** Doubles hold 2^1023; far below it everything is written anew, small again. */
const mostHalfLives = 256;
const highestExponent = 1000;

export class Usage {
  readonly #settings: UsageSettings;
  readonly #namespaces = new Map<string, Tally>();
  readonly #jobs = new Map<string, { readonly namespace: string; readonly tally: Tally }>();
  #originMs: number | undefined;

  constructor(settings: UsageSettings) {
    this.#settings = settings;
  }

  /** Replaces what is known of a job. Costs nothing for one that never had a machine. */
  set(job: ComputeJob): void {
    const { uid = '', namespace = '' } = job.metadata;
    const attempts = attemptsOf(job);
    const before = this.#jobs.get(uid);
    if (attempts.length === 0 && !before) return;
    const tally = this.#tallyOf(job, attempts);
    if (before) this.#add(before.namespace, before.tally, -1);
    this.#add(namespace, tally, 1);
    this.#jobs.set(uid, { namespace, tally });
  }

  /** The job is gone; what it used stays. */
  forget(uid: string, nowMs: number): void {
    const before = this.#jobs.get(uid);
    if (!before) return;
    this.#jobs.delete(uid);
    const { rate, offset, open } = before.tally;
    this.#add(before.namespace, { closed: zero, rate, offset, open }, -1);
    this.#add(before.namespace, { ...empty(), closed: this.#running(before.tally, nowMs) }, 1);
  }

  /** What a job used that is not in the API any more. */
  remember({ namespace, cores, memoryMiB, fromMs, toMs }: Charge): void {
    const closed = times({ cores, memoryMiB }, this.#between(fromMs, toMs));
    this.#add(namespace, { ...empty(), closed }, 1);
  }

  /** Core-ms and MiB-ms of the namespace, as they weigh at `nowMs`. */
  of(namespace: string, nowMs: number): Pair {
    this.#keepSmall(nowMs);
    const tally = this.#namespaces.get(namespace);
    if (!tally) return zero;
    const weighed = times(plus(tally.closed, this.#running(tally, nowMs)), 1 / this.#inflation(nowMs));
    return plus(weighed, times(tally.rate, this.#settings.aheadMs));
  }

  /** Cores and MiB in use now. */
  inUse(namespace: string): Pair {
    return this.#namespaces.get(namespace)?.rate ?? zero;
  }

  namespaces(): string[] {
    return [...this.#namespaces.keys()];
  }

  #tallyOf(job: ComputeJob, attempts: readonly Attempt[]): Tally {
    const { cores, memoryMiB } = needsOfJob(job.spec);
    const needs = { cores, memoryMiB };
    const tally = empty();
    for (const attempt of attempts) {
      const fromMs = Date.parse(attempt.claimed ?? '') + (attempt.secondsStill ?? 0) * 1000;
      if (Number.isNaN(fromMs)) continue;
      // Somebody's finalizer may keep a job that is being deleted long after its guest has gone.
      const ended = attempt.ended ?? job.metadata.deletionTimestamp;
      if (ended !== undefined) {
        if (!isTakenByLab(attempt.reason)) {
          tally.closed = plus(tally.closed, times(needs, this.#between(fromMs, Date.parse(ended))));
        }
      } else if (!isFinished(job)) {
        tally.rate = plus(tally.rate, needs);
        tally.offset = plus(tally.offset, times(needs, this.#inflation(fromMs)));
        tally.open += 1;
      }
    }
    return tally;
  }

  /** The area under the inflation from one moment to another. */
  #between(fromMs: number, toMs: number): number {
    if (!(toMs > fromMs)) return 0;
    return (this.#settings.halfLifeMs / Math.LN2) * (this.#inflation(toMs) - this.#inflation(fromMs));
  }

  #running({ rate, offset, open }: Tally, nowMs: number): Pair {
    if (open === 0) return zero;
    const area = plus(times(rate, this.#inflation(nowMs)), times(offset, -1));
    const charge = times(area, this.#settings.halfLifeMs / Math.LN2);
    return { cores: Math.max(0, charge.cores), memoryMiB: Math.max(0, charge.memoryMiB) };
  }

  #inflation(atMs: number): number {
    this.#originMs ??= atMs;
    return 2 ** Math.min(highestExponent, (atMs - this.#originMs) / this.#settings.halfLifeMs);
  }

  #keepSmall(nowMs: number): void {
    const halfLives = (nowMs - (this.#originMs ?? nowMs)) / this.#settings.halfLifeMs;
    if (halfLives < mostHalfLives) return;
    const factor = 2 ** -halfLives;
    this.#originMs = nowMs;
    const smaller = (tally: Tally): void => {
      tally.closed = times(tally.closed, factor);
      tally.offset = times(tally.offset, factor);
    };
    for (const tally of this.#namespaces.values()) smaller(tally);
    for (const { tally } of this.#jobs.values()) smaller(tally);
  }

  #add(namespace: string, change: Tally, sign: 1 | -1): void {
    const tally = this.#namespaces.get(namespace) ?? empty();
    tally.closed = floored(plus(tally.closed, times(change.closed, sign)));
    tally.open += sign * change.open;
    // Sums of doubles drift; with nothing in use they are nothing.
    const idle = tally.open === 0;
    tally.rate = idle ? zero : plus(tally.rate, times(change.rate, sign));
    tally.offset = idle ? zero : plus(tally.offset, times(change.offset, sign));
    this.#namespaces.set(namespace, tally);
  }
}

/**
 * The part of the pool that a usage is, times its length, in ms: by the resource of which it is the larger part (dominant
 * resource fairness, Ghodsi et al., NSDI 2011).
 */
export function dominantShare(usage: Pair, pool: Pair): number {
  return Math.max(share(usage.cores, pool.cores), share(usage.memoryMiB, pool.memoryMiB));
}

function share(used: number, all: number): number {
  return all > 0 ? used / all : used > 0 ? used : 0;
}

function empty(): Tally {
  return { closed: zero, rate: zero, offset: zero, open: 0 };
}

function plus(a: Pair, b: Pair): Pair {
  return { cores: a.cores + b.cores, memoryMiB: a.memoryMiB + b.memoryMiB };
}

function times({ cores, memoryMiB }: Pair, factor: number): Pair {
  return { cores: cores * factor, memoryMiB: memoryMiB * factor };
}

function floored({ cores, memoryMiB }: Pair): Pair {
  return { cores: Math.max(0, cores), memoryMiB: Math.max(0, memoryMiB) };
}
