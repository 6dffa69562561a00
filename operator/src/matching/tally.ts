// The machines that do not fit, counted: what words are made of.
// Promises: pure; bounded in size whatever the size of the pool; the same machines in any order give the same tally.

import { nothing, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import type { MachineReason } from '../model/reasons.ts';
import type { Verdict } from './subscribe.ts';

export interface ReasonTally {
  readonly reason: MachineReason;
  readonly machines: number;
  /** How many of them are not made for this at all. */
  readonly forEver: number;
  /** The first eight by name. */
  readonly names: readonly string[];
  /** The most of each kind that any of them has free. */
  readonly free: Amount;
  /** The most of each kind that any of them lends. */
  readonly lends: Amount;
  /** Keys of taints that have no word of their own, the first eight of them. */
  readonly taints: readonly string[];
  /** What is wrong with their fences, the first eight kinds of trouble. */
  readonly unfenced: readonly string[];
}

export interface Tally {
  /** How many machines fit. */
  readonly fitting: number;
  /** Most machines first. */
  readonly reasons: readonly ReasonTally[];
}

const longest = 8;

type Growing<T> = { -readonly [K in keyof T]: T[K] };
type Count = Growing<Omit<ReasonTally, 'free' | 'lends'>> & {
  readonly free: Growing<Amount>;
  readonly lends: Growing<Amount>;
};

/** Counts thousands of machines at a time, so it makes nothing per machine. */
export class Counting {
  readonly #counts = new Map<MachineReason, Count>();

  add(machine: Machine, reason: MachineReason, forEver: boolean, free: Amount): void {
    let count = this.#counts.get(reason);
    if (!count) {
      const lists = { names: [], taints: [], unfenced: [] };
      count = { reason, machines: 0, forEver: 0, free: { ...nothing }, lends: { ...nothing }, ...lists };
      this.#counts.set(reason, count);
    }
    count.machines += 1;
    if (forEver) count.forEver += 1;
    count.names = withFirst(count.names, machine.name);
    raise(count.free, free);
    raise(count.lends, machine.lends);
    if (reason === 'Tainted') for (const key of machine.otherTaints) count.taints = withFirst(count.taints, key);
    if (reason === 'NotFenced') count.unfenced = withFirst(count.unfenced, machine.unfenced ?? '');
  }

  tally(fitting: number): Tally {
    const reasons: ReasonTally[] = [...this.#counts.values()];
    return { fitting, reasons: reasons.sort(byCount) };
  }
}

export function tallyOf({ fitting, obstacles }: Verdict): Tally {
  const counting = new Counting();
  for (const { machine, reason, forEver, free } of obstacles) counting.add(machine, reason, forEver, free);
  return counting.tally(fitting.length);
}

/**
 * The same tally when some machines that fit are kept from a single job, for a reason of its own: HeldAgainst or
 * ReservedForEarlier, which no tally of a class holds.
 */
export function withOwn(
  tally: Tally,
  own: readonly { readonly machine: Machine; readonly reason: MachineReason }[],
): Tally {
  if (own.length === 0) return tally;
  const counting = new Counting();
  for (const { machine, reason } of own) counting.add(machine, reason, false, nothing);
  const reasons = [...tally.reasons, ...counting.tally(0).reasons].sort(byCount);
  return { fitting: tally.fitting - own.length, reasons };
}

/** Sorted, without repetition, and no longer than eight. */
function withFirst(names: readonly string[], name: string): readonly string[] {
  const last = names.at(-1);
  if (names.length === longest && last !== undefined && name >= last) return names;
  if (names.includes(name)) return names;
  return [...names, name].sort().slice(0, longest);
}

function byCount(a: ReasonTally, b: ReasonTally): number {
  return b.machines - a.machines || (a.reason < b.reason ? -1 : 1);
}

function raise(most: Growing<Amount>, amount: Amount): void {
  if (amount.cores > most.cores) most.cores = amount.cores;
  if (amount.memoryMiB > most.memoryMiB) most.memoryMiB = amount.memoryMiB;
  if (amount.diskMiB > most.diskMiB) most.diskMiB = amount.diskMiB;
  if (amount.graphicsMiB > most.graphicsMiB) most.graphicsMiB = amount.graphicsMiB;
  if (amount.gpus > most.gpus) most.gpus = amount.gpus;
}
