// Which machines fit which kind of requirement, for all of both, kept up to date.
// Promises: plain data without clock or I/O; equal to asking `obstacleOf` of every machine anew; a change of a machine costs one
// question per kind of requirement that is asked for, once, when it is asked for.

import { minus, nothing, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import type { Pool } from '../model/pool.ts';
import { machineReasons, type MachineReason } from '../model/reasons.ts';
import { Recency } from '../model/recency.ts';
import { isForEver, shortage, standingObstacleOf, type Requirement } from './subscribe.ts';
import { tallyOfGroups, type Tally } from './tally.ts';
import { isOfPool } from './words.ts';

/** Jobs that any machine treats alike. Holds of single jobs and the image are no part of it. */
export interface RequirementClass {
  readonly key: string;
  readonly requirement: Requirement;
}

/** What is known of one class: two bytes per machine. */
interface Row extends RequirementClass {
  /** By slot: 0 fits, 255 no machine; else 1 + index of the reason, and 64 when it is for ever. */
  cells: Uint8Array;
  /** The same, were the machines empty: what is on them changes far more often. */
  standing: Uint8Array;
  fitting: number;
  /** Machines of the pool, and those of them that fit or may some day. */
  ofPool: number;
  hopeful: number;
  /** Up to which change of machines the cells are right. */
  upTo: number;
  tally: Tally | undefined;
  usedAt: number;
}

const fits = 0;
const empty = 255;
const forEverBit = 64;
/** Of machines that are none of the pool. */
const isOutside = Uint8Array.from({ length: forEverBit }, (_, code) => {
  const reason = machineReasons[code - 1];
  return reason === undefined || isOfPool(reason) ? 0 : 1;
});

export class Verdicts {
  #pool: Pool | undefined;
  #syncs = 0;
  readonly #slots = new Map<string, number>();
  readonly #unused: number[] = [];
  /** Slots by name, until a machine comes or goes. */
  #order: readonly number[] | undefined;
  readonly #machines: (Machine | undefined)[] = [];
  /** By slot: at which change the machine was another one, not only what is taken of it. */
  readonly #machineAt: number[] = [];
  readonly #taken: Amount[] = [];
  readonly #free: Amount[] = [];
  readonly #changes = new Recency();
  readonly #tentative = new Set<string>();
  readonly #rows = new Map<string, Row>();
  readonly #rowOf = new WeakMap<Requirement, Row>();
  readonly #forgetAfter: number;

  /** @param forgetAfter a class that nobody asked for during this many syncs is forgotten; to know it anew costs a walk over the pool. */
  constructor(forgetAfter = 256) {
    this.#forgetAfter = forgetAfter;
  }

  /** How many classes are kept. */
  get classes(): number {
    return this.#rows.size;
  }

  /** After a pass, or when the world changed; what was taken tentatively is forgotten. */
  sync(pool: Pool): void {
    const before = this.#pool;
    this.#pool = pool;
    this.#syncs += 1;
    const names = (before && pool.changedSince?.(before)) ?? [
      ...pool.machines.map(({ name }) => name),
      ...this.#slots.keys(),
    ];
    for (const name of names) this.#update(name, pool);
    for (const name of this.#tentative) this.#update(name, pool);
    this.#tentative.clear();
    if (before && !sameModels(before.cpuModels, pool.cpuModels))
      for (const slot of this.#slots.values()) this.#touchMachine(slot);
    for (const [key, row] of this.#rows) if (row.usedAt + this.#forgetAfter < this.#syncs) this.#rows.delete(key);
  }

  classOf(requirement: Requirement): RequirementClass {
    const known = this.#rowOf.get(requirement);
    const key = known?.key ?? keyOfRequirement(requirement);
    let row = this.#rows.get(key);
    if (!row) {
      const [cells, standing] = [new Uint8Array(0), new Uint8Array(0)];
      const counts = { fitting: 0, ofPool: 0, hopeful: 0 };
      row = { key, requirement, cells, standing, ...counts, upTo: -1, tally: undefined, usedAt: 0 };
      this.#rows.set(key, row);
    }
    row.usedAt = this.#syncs;
    this.#rowOf.set(requirement, row);
    return row;
  }

  /** The machines without any obstacle now, in no particular order. Not to be mixed with `take`: collect them first. */
  fitting(of: RequirementClass): Iterable<Machine> {
    return this.#those(this.#rowOfClass(of).cells);
  }

  /** The machines that would be without any obstacle if nothing were on them. */
  fittingWhenEmpty(of: RequirementClass): Iterable<Machine> {
    return this.#those(this.#rowOfClass(of).standing);
  }

  *#those(cells: Uint8Array): Generator<Machine> {
    for (let slot = cells.indexOf(fits); slot >= 0; slot = cells.indexOf(fits, slot + 1)) {
      const machine = this.#machines[slot];
      if (machine) yield machine;
    }
  }

  fittingCount(of: RequirementClass): number {
    return this.#rowOfClass(of).fitting;
  }

  /** There are machines, and none of them could ever do it. */
  isHopeless(of: RequirementClass): boolean {
    const { ofPool, hopeful } = this.#rowOfClass(of);
    return ofPool > 0 && hopeful === 0;
  }

  fits(of: RequirementClass, machine: string): boolean {
    const slot = this.#slots.get(machine);
    if (slot === undefined) return false;
    const row = this.#row(of);
    if (row.upTo === this.#changes.latest) return row.cells[slot] === fits;
    // One question does not bring the answers for all other machines up to date.
    return this.#cellOf(row.requirement, slot, this.#standingIn(row, slot)) === fits;
  }

  /** What is left of a machine, less what was taken tentatively. */
  freeOn(machine: string): Amount {
    const slot = this.#slots.get(machine);
    return (slot === undefined ? undefined : this.#free[slot]) ?? nothing;
  }

  /** Tentatively, until the next sync. */
  take(machine: string, needs: Amount): void {
    const slot = this.#slots.get(machine);
    if (slot === undefined) return;
    this.#free[slot] = minus(this.#free[slot] ?? nothing, needs);
    this.#changes.touch(slot);
    this.#tentative.add(machine);
  }

  /** The machines that do not fit, counted by reason. The same object while nothing changed that it counts. */
  verdictOf(of: RequirementClass): Tally {
    const row = this.#rowOfClass(of);
    return (row.tally ??= this.#count(row, undefined));
  }

  /** The same as if there were no such machine; made anew every time. */
  verdictWithout(of: RequirementClass, machine: string): Tally {
    return this.#count(this.#rowOfClass(of), this.#slots.get(machine));
  }

  #count({ cells, fitting }: Row, without: number | undefined): Tally {
    const groups = machineReasons.map((reason): [MachineReason, { members: number[]; forEver: number }] => [
      reason,
      { members: [], forEver: 0 },
    ]);
    for (const slot of this.#inOrder()) {
      const cell = cells[slot] ?? empty;
      if (cell === fits || cell === empty || slot === without) continue;
      const group = groups[(cell & (forEverBit - 1)) - 1]?.[1];
      if (!group) continue;
      group.members.push(slot);
      if ((cell & forEverBit) !== 0) group.forEver += 1;
    }
    const fit = fitting - (without !== undefined && cells[without] === fits ? 1 : 0);
    const found = groups.filter(([, { members }]) => members.length > 0);
    return tallyOfGroups(fit, found, (slot) => this.#memberAt(slot));
  }

  /** Slots of machines in the order of their names. */
  #inOrder(): readonly number[] {
    this.#order ??= [...this.#slots].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, slot]) => slot);
    return this.#order;
  }

  #memberAt(slot: number): { readonly machine: Machine; readonly free: Amount } {
    const machine = this.#machines[slot];
    if (!machine) throw new RangeError(`slot: ${slot} holds no machine`);
    return { machine, free: this.#free[slot] ?? nothing };
  }

  #update(name: string, pool: Pool): void {
    const machine = pool.machine(name);
    let slot = this.#slots.get(name);
    if (!machine) {
      if (slot === undefined) return;
      this.#slots.delete(name);
      this.#order = undefined;
      this.#unused.push(slot);
      this.#machines[slot] = undefined;
      this.#touchMachine(slot);
      return;
    }
    if (slot === undefined) {
      slot = this.#unused.pop() ?? this.#machines.length;
      this.#slots.set(name, slot);
      this.#order = undefined;
    }
    const taken = pool.taken.get(name) ?? nothing;
    if (
      this.#machines[slot] === machine &&
      sameAmount(this.#taken[slot] ?? nothing, taken) &&
      !this.#tentative.has(name)
    )
      return;
    const isOther = this.#machines[slot] !== machine;
    this.#machines[slot] = machine;
    this.#taken[slot] = taken;
    this.#free[slot] = minus(machine.offer, taken);
    if (isOther) this.#touchMachine(slot);
    else this.#changes.touch(slot);
  }

  #touchMachine(slot: number): void {
    this.#changes.touch(slot);
    this.#machineAt[slot] = this.#changes.latest;
  }

  #row(of: RequirementClass): Row {
    const row = this.#rows.get(of.key) ?? (this.classOf(of.requirement) as Row);
    row.usedAt = this.#syncs;
    return row;
  }

  #rowOfClass(of: RequirementClass): Row {
    const row = this.#row(of);
    if (row.upTo === this.#changes.latest) return row;
    if (row.cells.length < this.#machines.length) {
      const length = Math.ceil(this.#machines.length * 1.25);
      row.cells = widened(row.cells, length);
      row.standing = widened(row.standing, length);
    }
    for (const slot of this.#changes.since(row.upTo)) this.#judge(row, slot);
    row.upTo = this.#changes.latest;
    row.tally = undefined;
    return row;
  }

  #judge(row: Row, slot: number): void {
    const before = row.cells[slot] ?? empty;
    const standing = this.#standingIn(row, slot);
    const cell = this.#cellOf(row.requirement, slot, standing);
    count(row, before, -1);
    count(row, cell, 1);
    row.cells[slot] = cell;
    row.standing[slot] = standing;
  }

  #standingIn({ requirement: wanted, standing, upTo }: Row, slot: number): number {
    if ((this.#machineAt[slot] ?? 0) <= upTo) return standing[slot] ?? empty;
    const machine = this.#machines[slot];
    if (!machine || !this.#pool) return empty;
    return codeOf(standingObstacleOf(machine, wanted, this.#pool.cpuModels), machine, wanted);
  }

  #cellOf(wanted: Requirement, slot: number, standing: number): number {
    const machine = this.#machines[slot];
    if (standing !== fits || !machine) return standing;
    return codeOf(shortage(this.#free[slot] ?? nothing, wanted.needs), machine, wanted);
  }
}

function count(row: Row, cell: number, by: 1 | -1): void {
  if (cell === empty || isOutside[cell & (forEverBit - 1)] === 1) return;
  row.ofPool += by;
  if ((cell & forEverBit) === 0) row.hopeful += by;
  if (cell === fits) row.fitting += by;
}

function codeOf(reason: MachineReason | undefined, machine: Machine, wanted: Requirement): number {
  if (reason === undefined) return fits;
  return 1 + machineReasons.indexOf(reason) + (isForEver(reason, machine, wanted) ? forEverBit : 0);
}

function widened(cells: Uint8Array, length: number): Uint8Array {
  const wider = new Uint8Array(length).fill(empty);
  wider.set(cells);
  return wider;
}

function keyOfRequirement({ needs, architecture, rooms, nodeSelector, dedicatedOnly, running }: Requirement): string {
  return JSON.stringify([
    [needs.cores, needs.memoryMiB, needs.diskMiB, needs.graphicsMiB, needs.gpus],
    architecture,
    [...rooms].sort(),
    Object.entries(nodeSelector).sort(([a], [b]) => (a < b ? -1 : 1)),
    dedicatedOnly,
    running ? [running.cpuModel ?? null, running.cpuVendor ?? null, running.machineType ?? null] : null,
  ]);
}

function sameAmount(a: Amount, b: Amount): boolean {
  return (
    a === b ||
    (a.cores === b.cores &&
      a.memoryMiB === b.memoryMiB &&
      a.diskMiB === b.diskMiB &&
      a.graphicsMiB === b.graphicsMiB &&
      a.gpus === b.gpus)
  );
}

function sameModels(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a === b || (a.size === b.size && [...a].every(([architecture, model]) => b.get(architecture) === model));
}
