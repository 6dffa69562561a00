// The pool, kept up to date piece by piece.
// Promises: `pool` equals `poolOf` of all objects (a property test holds it to that); it costs what changed since the last call
// and a copy of a few arrays of pointers, nothing when nothing changed. Being told of a change only takes note of it.

import { isDeepStrictEqual } from 'node:util';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Node, Pod } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import type { Amount } from '../model/capacity.ts';
import { CpuModelVotes } from '../model/cpu-model.ts';
import { claimedKey, placeOf, type Place, type PlacedGuest } from '../model/guest.ts';
import { defaultGpuResource, machineOf, type Machine } from '../model/machine.ts';
import { firstEndOfHold, takenBy, type Pool } from '../model/pool.ts';
import { Recency } from '../model/recency.ts';
import { Requested } from './requested.ts';
import { SlotMap } from './slot-map.ts';

/** Where the objects are as they are now, by "name" or "namespace/name". */
export interface PoolSources {
  node(name: string): Node | undefined;
  job(key: string): ComputeJob | undefined;
  vm(key: string): VirtualMachine | undefined;
  vmi(key: string): VirtualMachineInstance | undefined;
  /** @param vmiKey of the instance that moves. */
  migrations(vmiKey: string): readonly VirtualMachineInstanceMigration[];
  /** @param vmKey of the virtual machine whose launcher pods they are. */
  launchers(vmKey: string): readonly Pod[];
  /** Of pods that are no guests of ours. */
  otherPod(key: string): Pod | undefined;
  /** What is wrong with the fence of a machine, in words. */
  unfenced(node: Node): string | undefined;
}

const dirtyKinds = ['nodes', 'jobs', 'guests', 'pods'] as const;

/** What a pool of this keeper remembers about itself. */
interface Moment {
  readonly changes: number;
  readonly names: readonly string[];
}

export class PoolKeeper {
  readonly #sources: PoolSources;
  readonly #gpuResource: string;
  readonly #dirty = {
    nodes: new Set<string>(),
    jobs: new Set<string>(),
    guests: new Set<string>(),
    pods: new Set<string>(),
  };
  readonly #requested: Requested;
  readonly #votes = new CpuModelVotes();
  readonly #held = new Map<string, Machine>();
  /** By job: the virtual machine that its open attempt has. And the other way round. */
  readonly #claims = new Map<string, string>();
  readonly #claimants = new Map<string, string>();
  readonly #places = new Map<string, Place>();

  #slots = new Map<string, number>();
  #names: string[] = [];
  #machines: (Machine | undefined)[] = [];
  #guests: (readonly PlacedGuest[] | undefined)[] = [];
  #taken: (Amount | undefined)[] = [];
  #changes = new Recency();
  #machinesChanged = true;
  #guestsChanged = true;
  #pool: Pool | undefined;
  readonly #moments = new WeakMap<Pool, Moment>();

  /** @param gpuResource the extended resource that counts as a graphics processor. */
  constructor(sources: PoolSources, gpuResource: string = defaultGpuResource) {
    this.#sources = sources;
    this.#gpuResource = gpuResource;
    this.#requested = new Requested(gpuResource);
  }

  /** The Node itself, or what `unfenced` says of it. */
  nodeChanged(name: string): void {
    this.#dirty.nodes.add(name);
  }

  jobChanged(key: string): void {
    this.#dirty.jobs.add(key);
  }

  /** Its virtual machine, its instance, one of its migrations or of its launcher pods. */
  guestChanged(key: string): void {
    this.#dirty.guests.add(key);
  }

  otherPodChanged(key: string): void {
    this.#dirty.pods.add(key);
  }

  /** The same object as before while nothing changed. */
  pool(nowMs: number): Pool {
    for (const key of this.#dirty.pods) {
      for (const node of this.#requested.set(key, this.#sources.otherPod(key))) this.#dirty.nodes.add(node);
    }
    for (const [name, { hold }] of this.#held) if (hold && hold.untilMs <= nowMs) this.#dirty.nodes.add(name);
    for (const name of this.#dirty.nodes) this.#readNode(name, nowMs);
    for (const key of this.#dirty.jobs) this.#readJob(key);
    for (const key of this.#dirty.guests) this.#readGuest(key);
    // Most calls find nothing: to clear a set that is empty would make a new table all the same.
    for (const kind of dirtyKinds) if (this.#dirty[kind].size > 0) this.#dirty[kind].clear();
    if (!this.#pool || this.#machinesChanged || this.#guestsChanged) this.#pool = this.#snapshot(this.#pool);
    return this.#pool;
  }

  #readNode(name: string, nowMs: number): void {
    const node = this.#sources.node(name);
    const context = { requested: this.#requested.on(name), gpuResource: this.#gpuResource, nowMs };
    const machine = node && machineOf(node, { ...context, unfenced: this.#sources.unfenced(node) });
    const known = this.#slots.get(name);
    const before = known === undefined ? undefined : this.#machines[known];
    if (isDeepStrictEqual(before, machine)) return;
    if (before) this.#votes.remove(before);
    if (machine) this.#votes.add(machine);
    if (machine?.hold) this.#held.set(name, machine);
    else this.#held.delete(name);
    this.#machines[this.#touch(name)] = machine;
    this.#machinesChanged = true;
  }

  #readJob(key: string): void {
    const job = this.#sources.job(key);
    const before = this.#claims.get(key);
    const now = job && claimedKey(job);
    if (before !== undefined && before !== now) {
      this.#claims.delete(key);
      if (this.#claimants.get(before) === key) this.#claimants.delete(before);
      this.#dirty.guests.add(before);
    }
    if (now === undefined) return;
    this.#claims.set(key, now);
    this.#claimants.set(now, key);
    this.#dirty.guests.add(now);
  }

  #readGuest(key: string): void {
    const claimant = this.#claimants.get(key);
    const job = claimant === undefined ? undefined : this.#sources.job(claimant);
    const { vm, vmi } = { vm: this.#sources.vm(key), vmi: this.#sources.vmi(key) };
    const others = { migrations: this.#sources.migrations(key), launchers: this.#sources.launchers(key) };
    const place = job || vm || vmi ? placeOf({ key, job, vm, vmi, ...others }) : undefined;
    const before = this.#places.get(key);
    if (isDeepStrictEqual(before, place)) return;
    if (place) this.#places.set(key, place);
    else this.#places.delete(key);
    for (const node of new Set([...(before?.nodes ?? []), ...(place?.nodes ?? [])])) {
      const slot = this.#touch(node);
      const guests = (this.#guests[slot] ?? []).filter((guest) => guest.key !== key);
      if (place?.nodes.includes(node)) guests.splice(placeIn(guests, key), 0, place.guest);
      this.#guests[slot] = guests.length === 0 ? undefined : guests;
      this.#taken[slot] = guests.length === 0 ? undefined : takenBy(guests);
    }
    this.#guestsChanged = true;
  }

  /** The slot of a name, which is noted as changed. */
  #touch(name: string): number {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = this.#names.length;
      this.#slots.set(name, slot);
      this.#names.push(name);
      this.#machines.push(undefined);
      this.#guests.push(undefined);
      this.#taken.push(undefined);
    }
    this.#changes.touch(slot);
    return slot;
  }

  #snapshot(before: Pool | undefined): Pool {
    const { length } = this.#names;
    const machines =
      before && !this.#machinesChanged ? before.machines : this.#machines.filter((machine) => machine !== undefined);
    if (length > 64 && machines.length * 2 < length) this.#forgetGone();
    const [slots, bySlot, names] = [this.#slots, this.#machines.slice(), this.#names];
    const pool: Pool = {
      machines,
      taken: before && !this.#guestsChanged ? before.taken : new SlotMap(slots, this.#taken.slice()),
      guests: before && !this.#guestsChanged ? before.guests : new SlotMap(slots, this.#guests.slice()),
      cpuModels: before && !this.#machinesChanged ? before.cpuModels : this.#votes.choices(),
      version: (before?.version ?? 0) + 1,
      changesAtMs: firstEndOfHold(this.#held.values()),
      machine: (name) => bySlot[slots.get(name) ?? -1],
      changedSince: (earlier) => this.#changedSince(earlier, names),
    };
    this.#moments.set(pool, { changes: this.#changes.latest, names });
    this.#machinesChanged = this.#guestsChanged = false;
    return pool;
  }

  /** More than asked for, at times: what changed after this pool was made is told, too. */
  #changedSince(earlier: Pool, names: readonly string[]): string[] | undefined {
    const moment = this.#moments.get(earlier);
    if (moment?.names !== names || names !== this.#names) return undefined;
    return [...this.#changes.since(moment.changes)].flatMap((slot) => names[slot] ?? []);
  }

  /** Names of machines that are gone leave nothing behind: the slots are dealt anew, in objects of their own. */
  #forgetGone(): void {
    const kept = this.#names.flatMap((name, slot) =>
      this.#machines[slot] || this.#guests[slot] ? [{ name, slot }] : [],
    );
    this.#machines = kept.map(({ slot }) => this.#machines[slot]);
    this.#guests = kept.map(({ slot }) => this.#guests[slot]);
    this.#taken = kept.map(({ slot }) => this.#taken[slot]);
    this.#names = kept.map(({ name }) => name);
    this.#slots = new Map(this.#names.map((name, slot) => [name, slot]));
    this.#changes = new Recency();
    this.#machinesChanged = this.#guestsChanged = true;
  }
}

/** Where a key belongs among guests that are ordered by theirs. */
function placeIn(guests: readonly PlacedGuest[], key: string): number {
  const after = guests.findIndex((guest) => guest.key > key);
  return after < 0 ? guests.length : after;
}
