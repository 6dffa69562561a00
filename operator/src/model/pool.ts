// The pool at one moment: machines, the guests on them, and what is taken of each.
// Promises: pure and computed anew from the objects, so that a restart changes nothing. world/pool-keeper.ts keeps the same
// answer up to date piece by piece; this is the definition that it is held to.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Node, Pod } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { minus, nothing, plus, type Amount } from './capacity.ts';
import { CpuModelVotes } from './cpu-model.ts';
import { claimedKey, guestOfLauncher, placeOf, type PlacedGuest } from './guest.ts';
import { defaultGpuResource, machineOf, type Machine, type MachineContext } from './machine.ts';
import { isScheduledAndUnfinished, noRequests, requestsOf, sum, type Requests } from './other-pods.ts';

export type { PlacedGuest } from './guest.ts';
export { targetOf } from './guest.ts';

export interface Objects {
  readonly nodes: readonly Node[];
  readonly jobs: readonly ComputeJob[];
  readonly vms: readonly VirtualMachine[];
  readonly vmis: readonly VirtualMachineInstance[];
  readonly migrations: readonly VirtualMachineInstanceMigration[];
  readonly launchers?: readonly Pod[];
  /** Pods that are no guests of ours. */
  readonly otherPods?: readonly Pod[];
}

/** An immutable snapshot. Machines and lists of guests keep their identity from one to the next while nothing changes. */
export interface Pool {
  readonly machines: readonly Machine[];
  /** By machine name; a machine without an entry has nothing taken. Machines that are not in the pool any more may have one. */
  readonly taken: ReadonlyMap<string, Amount>;
  /** By machine name, ordered by key. A guest that moves is on both of its machines. */
  readonly guests: ReadonlyMap<string, readonly PlacedGuest[]>;
  /** By architecture: the processor model that guests are started with, see cpu-model.ts. */
  readonly cpuModels: ReadonlyMap<string, string>;
  /** Grows with every change of the pool; 0 in one that was computed from scratch. */
  readonly version: number;
  /** When the end of a hold will change it although nothing else does, ms since the epoch. */
  readonly changesAtMs?: number | undefined;
  machine(name: string): Machine | undefined;
  /** Names of machines of which anything changed since an earlier pool of the same keeper; undefined: compare them all. */
  changedSince?(earlier: Pool): Iterable<string> | undefined;
}

export interface PoolContext extends Omit<MachineContext, 'requested' | 'unfenced'> {
  /** What is wrong with the fence of a machine. */
  readonly unfenced?: ((node: Node) => string | undefined) | undefined;
}

export function poolOf(objects: Objects, context: PoolContext = {}): Pool {
  const requested = requestsByNode(objects.otherPods ?? [], context.gpuResource ?? defaultGpuResource);
  const machines = objects.nodes.map((node) =>
    machineOf(node, {
      ...context,
      requested: requested.get(node.metadata.name),
      unfenced: context.unfenced?.(node),
    }),
  );
  const claims = byKey(objects.jobs, claimedKey);
  const vms = byKey(objects.vms, nameOf);
  const vmis = byKey(objects.vmis, nameOf);
  const migrations = listsByKey(objects.migrations, ({ metadata, spec }) => `${metadata.namespace}/${spec.vmiName}`);
  const launchers = listsByKey(objects.launchers ?? [], guestOfLauncher);
  const guests = new Map<string, PlacedGuest[]>();
  for (const key of [...new Set([...claims.keys(), ...vms.keys(), ...vmis.keys()])].sort()) {
    const place = placeOf({
      key,
      ...{ job: claims.get(key), vm: vms.get(key), vmi: vmis.get(key) },
      ...{ migrations: migrations.get(key) ?? [], launchers: launchers.get(key) ?? [] },
    });
    for (const node of place?.nodes ?? []) {
      const list = guests.get(node);
      if (!place) continue;
      if (list) list.push(place.guest);
      else guests.set(node, [place.guest]);
    }
  }
  const votes = new CpuModelVotes();
  for (const machine of machines) votes.add(machine);
  const byName = new Map(machines.map((machine) => [machine.name, machine]));
  return {
    machines,
    taken: new Map([...guests].map(([node, list]) => [node, takenBy(list)])),
    guests,
    cpuModels: votes.choices(),
    version: 0,
    changesAtMs: firstEndOfHold(machines),
    machine: (name) => byName.get(name),
  };
}

export function takenBy(guests: readonly PlacedGuest[]): Amount {
  return guests.reduce((taken, { needs }) => plus(taken, needs), nothing);
}

export function firstEndOfHold(machines: Iterable<Machine>): number | undefined {
  let first: number | undefined;
  for (const { hold } of machines) if (hold && (first === undefined || hold.untilMs < first)) first = hold.untilMs;
  return first;
}

export function freeOn(pool: Pool, machine: Machine): Amount {
  return minus(machine.offer, pool.taken.get(machine.name) ?? nothing);
}

/** The same pool with this taken of machines, by name. */
export function withTaken(pool: Pool, needs: ReadonlyMap<string, Amount>): Pool {
  const taken = new Map(pool.taken);
  for (const [name, amount] of needs) taken.set(name, plus(taken.get(name) ?? nothing, amount));
  return { ...pool, taken, version: 0, changedSince: () => undefined };
}

export function nameOf(object: { readonly metadata: { readonly namespace?: string; readonly name: string } }): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}

function byKey<T>(objects: readonly T[], keyOf: (object: T) => string | undefined): Map<string, T> {
  const found = new Map<string, T>();
  for (const object of objects) {
    const key = keyOf(object);
    if (key !== undefined) found.set(key, object);
  }
  return found;
}

function listsByKey<T>(objects: readonly T[], keyOf: (object: T) => string | undefined): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const object of objects) {
    const key = keyOf(object);
    if (key !== undefined) found.set(key, [...(found.get(key) ?? []), object]);
  }
  return found;
}

function requestsByNode(pods: readonly Pod[], gpuResource: string): Map<string, Requests> {
  const requested = new Map<string, Requests>();
  for (const pod of pods) {
    if (!isScheduledAndUnfinished(pod)) continue;
    const node = pod.spec.nodeName ?? '';
    requested.set(node, sum(requested.get(node) ?? noRequests, requestsOf(pod, gpuResource)));
  }
  return requested;
}
