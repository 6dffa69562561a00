// KubeVirt, the scheduler, the kubelets and the guests of a pool, played on a clock against an API in memory.
// Promises: the order of what happens is KubeVirt's own; guests run where they truly would, whatever the API says; nothing here
// looks at the real time or at chance other than its own. Must not know what the operator wants.

import type { Node, Pod } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '@idlewild/operator/api/kubevirt.ts';
import { isInstanceOver } from '@idlewild/operator/api/kubevirt.ts';
import {
  nodes,
  pods,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';
import { keyOf, refOf, type ObjectRef } from '@idlewild/operator/kube/object.ts';
import type { Logger } from 'pino';
import type { MemoryApi, Write } from '../api/memory-api.ts';
import { failure } from '../api/failures.ts';
import type { Random } from '../world/random.ts';
import type { Behaviour } from './behaviour.ts';
import { Cluster } from './cluster.ts';
import { ConsoleLogs } from './console-logs.ts';
import { Guests } from './guests.ts';
import { Hosts, type Host } from './hosts.ts';
import { Kubelets } from './kubelet.ts';
import { Migrations } from './migrations.ts';
import { NodeLifecycle } from './node-lifecycle.ts';
import { withoutVmiCondition, withVmiCondition } from './objects.ts';
import { instanceOfMigration, instanceOfPod, Relations } from './relations.ts';
import type { Stage } from './stage.ts';
import { stepVirtualMachine } from './virt-controller.ts';

export interface SimulatedKubeVirtOptions {
  readonly api: MemoryApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly behaviour: Behaviour;
}

export class SimulatedKubeVirt {
  readonly hosts: Hosts;
  readonly guests: Guests;
  readonly logs = new ConsoleLogs();
  readonly cluster: Cluster;
  readonly relations: Relations;
  readonly #stage: Stage;
  readonly #kubelets: Kubelets;
  readonly #migrations: Migrations;
  readonly #lifecycle: NodeLifecycle;
  readonly #due = new Map<string, { readonly atMs: number; readonly timer: Timer }>();

  constructor({ api, clock, random, log, behaviour }: SimulatedKubeVirtOptions) {
    this.cluster = new Cluster(api);
    this.hosts = new Hosts(clock);
    this.guests = new Guests(clock, this.logs);
    this.relations = new Relations(this.cluster);
    const { cluster, hosts, guests, logs, relations } = this;
    this.#stage = {
      ...{ cluster, clock, random, log, behaviour, hosts, guests, logs, relations },
      wake: (vm, afterMs) =>
        this.#wake(`vm ${vm}`, afterMs, () => stepVirtualMachine(this.#stage, this.#migrations, vm)),
      wakePod: (pod, afterMs) => this.#wake(`pod ${pod}`, afterMs, () => this.#stepPod(pod)),
    };
    this.#migrations = new Migrations(this.#stage);
    this.#kubelets = new Kubelets(this.#stage);
    this.#lifecycle = new NodeLifecycle(this.#stage);
    for (const node of cluster.list<Node>(nodes)) hosts.add(node.metadata.name);
    api.logs = (pod, o) => logs.follow(keyOf(pod), o);
    api.calls = ({ plural, namespace, name, subresource }) => {
      const of = plural === virtualMachineInstances.plural || plural === virtualMachines.plural;
      if (!of) return undefined;
      if (subresource === 'pause' || subresource === 'unpause') {
        return this.#setStill({ namespace, name }, subresource === 'pause');
      }
      if (subresource !== 'evacuate/cancel') return undefined;
      return this.cancelEvacuation(keyOf({ namespace, name })) ? { body: {} } : undefined;
    };
    api.onWrite((write) => this.#saw(write));
    guests.watch({ ended: ({ pod }) => this.#stage.wakePod(pod, 0) });
    hosts.watch({
      silent: (host) => this.#silent(host),
      heard: (host) => {
        this.#lifecycle.heard(host);
        this.#kubelets.heard(host.name);
      },
      powerLost: ({ name }) => {
        for (const guest of guests.on(name)) guests.kill(guest.vmiUid, 'powerCut');
      },
    });
  }

  powerOff(machine: string): void {
    this.hosts.powerOff(machine);
  }

  powerOn(machine: string): void {
    this.hosts.powerOn(machine);
  }

  /** Takes its network away; its guests run on until an agent of the machine destroys them, if there is one. */
  cut(machine: string): void {
    this.hosts.cut(machine);
  }

  link(machine: string): void {
    this.hosts.link(machine);
  }

  cordon(machine: string): void {
    this.#unschedulable(machine, true);
  }

  uncordon(machine: string): void {
    this.#unschedulable(machine, false);
  }

  /**
   * What the eviction webhook does to the guests of a machine under strategy External: they are marked, and nothing else.
   * @returns how many guests are still there.
   */
  evict(machine: string): number {
    let left = 0;
    for (const guest of this.relations.podsOn(machine).flatMap((pod) => instanceOfPod(pod) ?? [])) {
      const vmi = this.cluster.get<VirtualMachineInstance>(virtualMachineInstances, refOf(guest));
      if (!vmi || isInstanceOver(vmi) || vmi.status?.nodeName !== machine) continue;
      left++;
      this.cluster.change<VirtualMachineInstance>(virtualMachineInstances, vmi, (current) =>
        current.status?.evacuationNodeName === undefined
          ? withVmiCondition(
              { ...current, status: { ...current.status, evacuationNodeName: machine } },
              'EvictionRequested',
              'True',
              'EvictionRequested',
            )
          : current,
      );
    }
    return left;
  }

  /** Cordons, and evicts once: what a first round of `kubectl drain` does. */
  drain(machine: string): void {
    this.cordon(machine);
    this.evict(machine);
  }

  /** What the subresource evacuate/cancel does; false when there is no such instance. */
  cancelEvacuation(vmi: string): boolean {
    const found = this.cluster.get<VirtualMachineInstance>(virtualMachineInstances, refOf(vmi));
    if (!found) return false;
    this.cluster.change<VirtualMachineInstance>(virtualMachineInstances, found, (current) => {
      const { evacuationNodeName: _called, ...status } = current.status ?? {};
      const conditions = status.conditions?.filter(({ type }) => type !== 'EvictionRequested') ?? [];
      return { ...current, status: { ...status, conditions } };
    });
    return true;
  }

  /** What pause and unpause of an instance do; refused as virt-api does (pkg/virt-api/rest/subresource.go in KubeVirt). */
  #setStill(ref: ObjectRef, still: boolean): { readonly body: unknown } | undefined {
    const found = this.cluster.get<VirtualMachineInstance>(virtualMachineInstances, ref);
    if (!found) return undefined;
    const uid = found.metadata.uid ?? '';
    if (found.status?.phase !== 'Running') throw failure(409, 'Conflict', 'VMI is not running');
    if (!this.hosts.isReachable(found.status.nodeName ?? ''))
      throw failure(500, 'InternalError', 'the machine does not answer');
    if (!(still ? this.guests.pause(uid) : this.guests.unpause(uid))) {
      throw failure(409, 'Conflict', still ? 'VMI is already paused' : 'VMI is not paused');
    }
    this.cluster.change<VirtualMachineInstance>(virtualMachineInstances, found, (current) =>
      still
        ? withVmiCondition(
            withVmiCondition(current, 'Paused', 'True', 'PausedByUser', 'VMI was paused by user'),
            'Ready',
            'False',
            'ReadinessGatesNotReady',
          )
        : withVmiCondition(withoutVmiCondition(current, 'Paused'), 'Ready', 'True'),
    );
    return { body: {} };
  }

  /** Sizes of everything that is remembered: what must not grow for ever. */
  get remembered(): Readonly<Record<string, number>> {
    return {
      guests: this.guests.size,
      logs: this.logs.size,
      runs: this.#kubelets.size,
      journeys: this.#migrations.size,
      due: this.#due.size,
    };
  }

  #saw(write: Write): void {
    const { type, kind, object } = write;
    this.relations.saw(write);
    const { reactionMs } = this.#stage.behaviour;
    switch (kind.type.plural) {
      case nodes.plural:
        if (type === 'ADDED') this.hosts.add(object.metadata.name);
        return;
      case pods.plural: {
        const pod = object as unknown as Pod;
        const vmi = instanceOfPod(pod);
        if (vmi === undefined) return;
        this.#stage.wake(vmi, reactionMs);
        if (type === 'DELETED') this.#kubelets.gone(pod);
        else this.#stage.wakePod(keyOf(pod), reactionMs);
        return;
      }
      case virtualMachineInstanceMigrations.plural:
        this.#stage.wake(instanceOfMigration(object as unknown as VirtualMachineInstanceMigration), reactionMs);
        return;
      case virtualMachineInstances.plural:
        if (type === 'DELETED') this.guests.forget(object.metadata.uid ?? '');
        this.#stage.wake(keyOf(object), reactionMs);
        return;
      case virtualMachines.plural:
        this.#stage.wake(keyOf(object), reactionMs);
    }
  }

  #silent(host: Host): void {
    this.#lifecycle.silent(host);
    this.#kubelets.silent(host.name);
  }

  #stepPod(key: string): void {
    const pod = this.cluster.get<Pod>(pods, refOf(key));
    if (!pod) return;
    this.#kubelets.step(key, this.#migrations.ofTarget(pod));
  }

  #unschedulable(machine: string, unschedulable: boolean): void {
    const node = this.cluster.get<Node>(nodes, { name: machine });
    if (!node) throw new RangeError(`machine: "${machine}" does not exist`);
    const key = 'node.kubernetes.io/unschedulable';
    this.cluster.change<Node>(nodes, node, (current) => {
      const { unschedulable: _before, taints = [], ...spec } = current.spec ?? {};
      const others = taints.filter((taint) => taint.key !== key);
      return unschedulable
        ? { ...current, spec: { ...spec, unschedulable, taints: [...others, { key, effect: 'NoSchedule' }] } }
        : { ...current, spec: { ...spec, taints: others } };
    });
  }

  #wake(key: string, afterMs: number, step: () => void): void {
    const { clock } = this.#stage;
    const atMs = clock.monotonic() + afterMs;
    const waiting = this.#due.get(key);
    if (waiting && waiting.atMs <= atMs) return;
    waiting?.timer.cancel();
    const timer = clock.setTimeout(() => {
      this.#due.delete(key);
      step();
    }, afterMs);
    this.#due.set(key, { atMs, timer });
  }
}
