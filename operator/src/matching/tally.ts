// The machines that do not fit, counted: what words are made of.
// Promises: pure; bounded in size whatever the size of the pool; the same machines in any order give the same tally.

import { nothing, type Amount } from '../model/capacity.ts';
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
  /** The most of each kind that any of them has free, where the reason is that something is short. */
  readonly free: Amount;
  /** The most of each kind that any of them lends, in the same case. */
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

/** The machines that one reason keeps away, as numbers whose meaning whoever counts knows, in the order of their names. */
export interface Group {
  readonly members: readonly number[];
  /** How many of them are not made for this at all. */
  readonly forEver: number;
}

interface Member {
  readonly machine: Machine;
  readonly free: Amount;
}

/**
 * Thousands of machines are counted at a time, so no more of them are looked at than the words need.
 * @param fitting how many machines fit.
 * @param memberOf what a number in the groups stands for.
 */
export function tallyOfGroups(
  fitting: number,
  groups: Iterable<readonly [MachineReason, Group]>,
  memberOf: (member: number) => Member,
): Tally {
  const reasons = Array.from(groups, ([reason, group]) => tallyOfGroup(reason, group, memberOf));
  return { fitting, reasons: reasons.sort(byCount) };
}

function tallyOfGroup(
  reason: MachineReason,
  { members, forEver }: Group,
  memberOf: (member: number) => Member,
): ReasonTally {
  const machines = (): Machine[] => members.map((member) => memberOf(member).machine);
  return {
    reason,
    machines: members.length,
    forEver,
    names: members.slice(0, longest).map((member) => memberOf(member).machine.name),
    ...(shortages.has(reason) ? mostOf(members.map(memberOf)) : { free: nothing, lends: nothing }),
    taints: reason === 'Tainted' ? firstOf(machines().flatMap(({ otherTaints }) => otherTaints)) : [],
    unfenced: reason === 'NotFenced' ? firstOf(machines().map(({ unfenced = '' }) => unfenced)) : [],
  };
}

export function tallyOf({ fitting, obstacles }: Verdict): Tally {
  return tallyOfObstacles(fitting.length, obstacles);
}

/**
 * The same tally when some machines that fit are kept from a single job. HeldAgainst and ReservedForEarlier no tally of a class
 * holds; NotReady, for a machine that falls silent, it may. Each reason is there once: the API server refuses a status that has
 * it twice.
 */
export function withOwn(
  tally: Tally,
  own: readonly { readonly machine: Machine; readonly reason: MachineReason }[],
): Tally {
  if (own.length === 0) return tally;
  const kept = tallyOfObstacles(
    0,
    own.map((each) => ({ ...each, forEver: false, free: nothing })),
  );
  const reasons = new Map(tally.reasons.map((group) => [group.reason, group]));
  for (const group of kept.reasons) {
    const before = reasons.get(group.reason);
    reasons.set(group.reason, before ? together(before, group) : group);
  }
  return { fitting: tally.fitting - own.length, reasons: [...reasons.values()].sort(byCount) };
}

/** Of one reason, and of different machines. */
function together(a: ReasonTally, b: ReasonTally): ReasonTally {
  const free: Growing<Amount> = { ...a.free };
  const lends: Growing<Amount> = { ...a.lends };
  raise(free, b.free);
  raise(lends, b.lends);
  return {
    reason: a.reason,
    machines: a.machines + b.machines,
    forEver: a.forEver + b.forEver,
    names: [...a.names, ...b.names].sort().slice(0, longest),
    free,
    lends,
    taints: firstOf([...a.taints, ...b.taints]),
    unfenced: firstOf([...a.unfenced, ...b.unfenced]),
  };
}

function tallyOfObstacles(fitting: number, obstacles: readonly Obstacle[]): Tally {
  const inOrder = [...obstacles].sort(({ machine: a }, { machine: b }) => (a.name < b.name ? -1 : 1));
  const groups = new Map<MachineReason, { members: number[]; forEver: number }>();
  inOrder.forEach(({ reason, forEver }, member) => {
    const group = groups.get(reason) ?? { members: [], forEver: 0 };
    groups.set(reason, group);
    group.members.push(member);
    if (forEver) group.forEver += 1;
  });
  return tallyOfGroups(fitting, groups, (member) => {
    const { machine, free } = inOrder[member] ?? missing(member);
    return { machine, free };
  });
}

function missing(member: number): never {
  throw new RangeError(`member: ${member} is no machine that was counted`);
}

/** The reasons whose words tell how much there is. */
const shortages: ReadonlySet<MachineReason> = new Set<MachineReason>([
  'InsufficientCores',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGraphicsMemory',
  'InsufficientGpus',
]);

function mostOf(members: readonly Member[]): { readonly free: Amount; readonly lends: Amount } {
  const free: Growing<Amount> = { ...nothing };
  const lends: Growing<Amount> = { ...nothing };
  for (const { machine, free: left } of members) {
    raise(free, left);
    raise(lends, machine.lends);
  }
  return { free, lends };
}

function firstOf(words: readonly string[]): string[] {
  return [...new Set(words)].sort().slice(0, longest);
}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

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
