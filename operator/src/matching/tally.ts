// The machines that do not fit, counted: what words are made of.
// Promises: pure; bounded in size whatever the size of the pool; the same machines in any order give the same tally.

import { most, nothing, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import type { MachineReason } from '../model/reasons.ts';
import type { Obstacle, Verdict } from './subscribe.ts';

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
}

export interface Tally {
  /** How many machines fit. */
  readonly fitting: number;
  /** Most machines first. */
  readonly reasons: readonly ReasonTally[];
}

const longest = 8;

export class Counting {
  readonly #reasons = new Map<MachineReason, { -readonly [K in keyof ReasonTally]: ReasonTally[K] }>();

  add({ machine, reason, forEver, free }: Obstacle): void {
    let tally = this.#reasons.get(reason);
    if (!tally) {
      tally = { reason, machines: 0, forEver: 0, names: [], free: nothing, lends: nothing, taints: [] };
      this.#reasons.set(reason, tally);
    }
    tally.machines += 1;
    if (forEver) tally.forEver += 1;
    tally.names = withFirst(tally.names, machine.name);
    tally.free = most(tally.free, free);
    tally.lends = most(tally.lends, machine.lends);
    for (const key of reason === 'Tainted' ? machine.otherTaints : []) tally.taints = withFirst(tally.taints, key);
  }

  tally(fitting: number): Tally {
    const reasons = [...this.#reasons.values()];
    reasons.sort((a, b) => b.machines - a.machines || (a.reason < b.reason ? -1 : 1));
    return { fitting, reasons };
  }
}

export function tallyOf({ fitting, obstacles }: Verdict): Tally {
  const counting = new Counting();
  for (const obstacle of obstacles) counting.add(obstacle);
  return counting.tally(fitting.length);
}

/** The same tally when some machines that fit are kept from a single job, for a reason of its own. */
export function withOwn(
  tally: Tally,
  own: readonly { readonly machine: Machine; readonly reason: MachineReason }[],
): Tally {
  if (own.length === 0) return tally;
  const counting = new Counting();
  for (const { machine, reason } of own) counting.add({ machine, reason, forEver: false, free: nothing });
  const { reasons } = counting.tally(0);
  const kept = tally.reasons.filter(({ reason }) => !reasons.some((other) => other.reason === reason));
  const all = [...kept, ...reasons].sort((a, b) => b.machines - a.machines || (a.reason < b.reason ? -1 : 1));
  return { fitting: tally.fitting - own.length, reasons: all };
}

/** Sorted, without repetition, and no longer than eight. */
function withFirst(names: readonly string[], name: string): readonly string[] {
  const last = names.at(-1);
  if (names.length === longest && last !== undefined && name >= last) return names;
  if (names.includes(name)) return names;
  return [...names, name].sort().slice(0, longest);
}
