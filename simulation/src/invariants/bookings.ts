// What is promised of each machine, worked out from the writes: open claims, virtual machines whose guest is not over, targets
// of migrations, and launcher pods until they have ended.
// Promises: kept by what changes, not by looking through everything; shares no code with the operator's pool.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node, Pod } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '@idlewild/operator/api/kubevirt.ts';
import {
  computeJobs,
  nodes,
  pods,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import { difference, endOf, lentBy, needOf, none, openAttemptOf, sum, type Share } from './facts.ts';

interface Booked {
  need: Share;
  /** Of the latest claim, open or not. */
  claimed: string | undefined;
  open: boolean;
  /** By its walltime, ms since the epoch; Infinity when nobody knows, 0 when it is on its way out. */
  endsMs: number;
  vm: boolean;
  /** The virtual machine is being deleted: without an instance nothing of it will run. */
  leaving: boolean;
  instance: boolean;
  over: boolean;
  at: string | undefined;
  readonly targets: Map<string, string>;
  /** Where launcher pods are that have not ended: the scheduler counts them until then. */
  readonly launchers: Map<string, string>;
  /** Where it counts at the moment. */
  counted: readonly string[];
}

export class Bookings {
  readonly #booked = new Map<string, Booked>();
  readonly #byMachine = new Map<string, Set<string>>();
  readonly #changedMs = new Map<string, number>();
  readonly #nodeChangedMs = new Map<string, number>();

  get size(): number {
    return this.#booked.size;
  }

  /** @param but namespace/name of a virtual machine that is not counted. */
  freeOn(node: Node, but?: string): Share {
    let taken = none;
    for (const key of this.#byMachine.get(node.metadata.name) ?? []) {
      const booked = this.#booked.get(key);
      if (booked && key !== but) taken = sum(taken, booked.need);
    }
    return difference(lentBy(node), taken);
  }

  /** What will be left at that moment, as far as walltimes tell. @param atMs since the epoch. */
  leftAt(node: Node, atMs: number): Share {
    let taken = none;
    for (const key of this.#byMachine.get(node.metadata.name) ?? []) {
      const booked = this.#booked.get(key);
      if (booked && !booked.over && booked.endsMs > atMs) taken = sum(taken, booked.need);
    }
    return difference(lentBy(node), taken);
  }

  /** In words, for accusations. */
  on(machine: string): string {
    const words = [...(this.#byMachine.get(machine) ?? [])].map((key) => {
      const { need, open, vm, at } = this.#booked.get(key) ?? {};
      return `${key} (${need?.cores} cores, ${open ? 'claimed' : 'not claimed'}, ${vm ? 'made' : 'not made'}, at ${at ?? 'no machine yet'})`;
    });
    return words.length === 0 ? 'nothing' : words.join(', ');
  }

  /** When something was last booked on or taken off the machine, ms of the clock; or its Node changed. */
  changedMs(machine: string): number {
    return Math.max(this.#changedMs.get(machine) ?? 0, this.nodeChangedMs(machine));
  }

  nodeChangedMs(machine: string): number {
    return this.#nodeChangedMs.get(machine) ?? 0;
  }

  saw({ type, kind, object }: Write, atMs: number): void {
    switch (kind.type.plural) {
      case nodes.plural:
        this.#nodeChangedMs.set(object.metadata.name, atMs);
        return;
      case computeJobs.plural:
        this.#job(object as unknown as ComputeJob, type === 'DELETED', atMs);
        return;
      case virtualMachines.plural:
        this.#change(keyOf(object), atMs, (booked) => {
          booked.vm = type !== 'DELETED';
          booked.leaving = object.metadata.deletionTimestamp !== undefined;
        });
        return;
      case pods.plural: {
        const { metadata, spec, status } = object as unknown as Pod;
        const guest = metadata.annotations?.['kubevirt.io/domain'];
        if (guest === undefined) return;
        const ended = type === 'DELETED' || status?.phase === 'Succeeded' || status?.phase === 'Failed';
        this.#change(`${metadata.namespace}/${guest}`, atMs, ({ launchers }) => {
          if (ended || spec.nodeName === undefined) launchers.delete(metadata.name);
          else launchers.set(metadata.name, spec.nodeName);
        });
        return;
      }
      case virtualMachineInstances.plural: {
        const { status } = object as unknown as VirtualMachineInstance;
        this.#change(keyOf(object), atMs, (booked) => {
          booked.at = type === 'DELETED' ? undefined : status?.nodeName;
          booked.instance = type !== 'DELETED';
          booked.over = type !== 'DELETED' && (status?.phase === 'Succeeded' || status?.phase === 'Failed');
        });
        return;
      }
      case virtualMachineInstanceMigrations.plural: {
        const { spec, status, metadata } = object as unknown as VirtualMachineInstanceMigration;
        const to = spec.addedNodeSelector?.['kubernetes.io/hostname'];
        const ended = type === 'DELETED' || status?.phase === 'Succeeded' || status?.phase === 'Failed';
        this.#change(`${metadata.namespace}/${spec.vmiName}`, atMs, ({ targets }) => {
          if (ended || to === undefined) targets.delete(metadata.name);
          else targets.set(metadata.name, to);
        });
      }
    }
  }

  #job(job: ComputeJob, deleted: boolean, atMs: number): void {
    const open = deleted ? undefined : openAttemptOf(job);
    for (const attempt of (job.status?.attempts ?? []).slice(-2)) {
      this.#change(`${job.metadata.namespace}/${attempt.virtualMachine}`, atMs, (booked) => {
        booked.need = needOf(job);
        booked.claimed = attempt.node;
        booked.open = attempt.virtualMachine === open?.virtualMachine;
        booked.endsMs = booked.open ? endOf(job) : 0;
      });
    }
  }

  #change(key: string, atMs: number, how: (booked: Booked) => void): void {
    const booked = this.#booked.get(key) ?? {
      ...{
        need: none,
        claimed: undefined,
        open: false,
        endsMs: Number.POSITIVE_INFINITY,
        vm: false,
        leaving: false,
        instance: false,
        over: false,
        at: undefined,
        counted: [],
      },
      targets: new Map<string, string>(),
      launchers: new Map<string, string>(),
    };
    how(booked);
    const counts = !booked.over && (booked.open || (booked.vm && (booked.instance || !booked.leaving)));
    // One that is given up before it was anywhere is taken down before it can be.
    const place = booked.at ?? (booked.open ? booked.claimed : undefined);
    const there = counts && place !== undefined ? [place, ...booked.targets.values()] : [];
    const held = booked.open || booked.vm || booked.instance ? [...booked.launchers.values()] : [];
    const now = [...new Set([...there, ...held])];
    for (const machine of booked.counted) {
      if (now.includes(machine)) continue;
      this.#byMachine.get(machine)?.delete(key);
      this.#changedMs.set(machine, atMs);
    }
    for (const machine of now) {
      if (booked.counted.includes(machine)) continue;
      const keys = this.#byMachine.get(machine) ?? new Set();
      this.#byMachine.set(machine, keys.add(key));
      this.#changedMs.set(machine, atMs);
    }
    booked.counted = now;
    const { open, vm, at, targets, launchers } = booked;
    if (open || vm || at !== undefined || targets.size > 0 || launchers.size > 0) this.#booked.set(key, booked);
    else this.#booked.delete(key);
  }
}
