// The pool at one moment: machines, and what is taken of each.
// Promises: pure and computed anew from the objects, so that a restart changes nothing; claims whose virtual machine is
// not there yet count as taken, and so do both ends of a migration.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Node } from '../api/kubernetes.ts';
import {
  isInstanceOver,
  isMigrationOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { minus, needsOfJob, needsOfVm, nothing, plus, type Amount } from './capacity.ts';
import { openAttempt } from './job.ts';
import { machineOf, type Machine } from './machine.ts';
import { labels } from './names.ts';

export interface Objects {
  readonly nodes: readonly Node[];
  readonly jobs: readonly ComputeJob[];
  readonly vms: readonly VirtualMachine[];
  readonly vmis: readonly VirtualMachineInstance[];
  readonly migrations: readonly VirtualMachineInstanceMigration[];
}

export interface Pool {
  readonly machines: readonly Machine[];
  /** By machine name; a machine without an entry has nothing taken. */
  readonly taken: ReadonlyMap<string, Amount>;
}

interface Place {
  readonly needs: Amount;
  readonly nodes: Set<string>;
}

export function poolOf(objects: Objects): Pool {
  const places = new Map<string, Place>();
  const instances = new Map(objects.vmis.map((vmi) => [nameOf(vmi), vmi]));
  const claimed = new Map<string, string>();
  for (const job of objects.jobs) {
    const attempt = openAttempt(job);
    if (!attempt) continue;
    const key = `${job.metadata.namespace}/${attempt.virtualMachine}`;
    claimed.set(key, attempt.node);
    places.set(key, { needs: needsOfJob(job.spec), nodes: new Set([attempt.node]) });
  }
  for (const vm of objects.vms) {
    const key = nameOf(vm);
    const vmi = instances.get(key);
    if (vmi && isInstanceOver(vmi)) {
      places.delete(key);
      continue;
    }
    const node = vmi?.status?.nodeName ?? claimed.get(key);
    if (node !== undefined) places.set(key, { needs: needsOfVm(vm), nodes: new Set([node]) });
  }
  for (const migration of objects.migrations) {
    if (isMigrationOver(migration)) continue;
    const key = `${migration.metadata.namespace}/${migration.spec.vmiName}`;
    const target = targetOf(migration, instances.get(key));
    if (target !== undefined) places.get(key)?.nodes.add(target);
  }
  const taken = new Map<string, Amount>();
  for (const { needs, nodes } of places.values()) {
    for (const node of nodes) taken.set(node, plus(taken.get(node) ?? nothing, needs));
  }
  return { machines: objects.nodes.map(machineOf), taken };
}

export function freeOn(pool: Pool, machine: Machine): Amount {
  return minus(machine.offer, pool.taken.get(machine.name) ?? nothing);
}

/** The same pool with `needs` taken on `node`. */
export function withTaken(pool: Pool, node: string, needs: Amount): Pool {
  const taken = new Map(pool.taken);
  taken.set(node, plus(taken.get(node) ?? nothing, needs));
  return { ...pool, taken };
}

/** Where a migration goes, as far as it is known. */
export function targetOf(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance | undefined,
): string | undefined {
  const state = vmi?.status?.migrationState;
  const own = state?.migrationUid === migration.metadata.uid ? state?.targetNode : undefined;
  return own ?? migration.spec.addedNodeSelector?.[labels.hostname];
}

function nameOf(object: { readonly metadata: { readonly namespace?: string; readonly name: string } }): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}
