// What the operator knows of the cluster: one informer per kind, and its own writes on top.
// Promises: everything that decides reads from here; nothing here decides. Pods, virtual machines and instances are only
// those of Idlewild's attempts.

import type { Logger } from 'pino';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Lease, Namespace, NetworkPolicy, Node, Pod } from '../api/kubernetes.ts';
import {
  isInstanceOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import * as resources from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { Informer, type InformerMetrics, type InformerSettings } from '../kube/informer.ts';
import { keyOf, type KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../api/resources.ts';
import { guestOfLauncher } from '../model/guest.ts';
import { openAttempt } from '../model/job.ts';
import { defaultGpuResource, isOwnerPresent } from '../model/machine.ts';
import { labels, machineLeaseNamespace, managedSelector, unmanagedSelector } from '../model/names.ts';
import type { Pool } from '../model/pool.ts';
import { networkPolicyName } from '../render/network-policy.ts';
import { fenceTrouble, isNewsOfFence } from '../recovery/fence.ts';
import { usualPatience, type Patience } from '../recovery/leases.ts';
import { Freshest } from './freshest.ts';
import { PoolKeeper } from './pool-keeper.ts';
import { Promises } from './promises.ts';
import { trimmed, trimmedJob, trimmedLauncher, trimmedLease, trimmedNode, trimmedOther } from './trim.ts';

export interface WorldOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  readonly metrics?: InformerMetrics | undefined;
  readonly gpuResource?: string | undefined;
  /** How long silence of machines is borne; as usual unless told. */
  readonly patience?: Patience | undefined;
  /** How patiently objects are listened to, where that is to differ from what suits a real API server. */
  readonly listening?: Listening | undefined;
}

export type Listening = Pick<InformerSettings, 'relistMs' | 'watchMs' | 'silenceMs'>;

/** namespace/name of the job that an object of an attempt belongs to. */
export function jobKeyOf(object: KubeObject): string | undefined {
  const job = object.metadata.labels?.[labels.job];
  return job === undefined ? undefined : `${object.metadata.namespace}/${job}`;
}

const only = (value: string | undefined): string[] => (value === undefined || value === '' ? [] : [value]);
const byJob = { job: (object: KubeObject) => only(jobKeyOf(object)) };
const vmiKeyOf = ({ metadata, spec }: VirtualMachineInstanceMigration): string =>
  `${metadata.namespace}/${spec.vmiName}`;
const yes = 'yes';
/** A job may be of more than a megabyte, and a page is in memory as a whole before anything of it is left out. */
const jobsPerPage = 100;

export class World {
  readonly informers: {
    readonly nodes: Informer<Node>;
    /** Of kubelets. */
    readonly leases: Informer<Lease>;
    /** Of machines' agents, renewed every two seconds each. */
    readonly agentLeases: Informer<Lease>;
    readonly namespaces: Informer<Namespace>;
    /** Those that isolate guests, one per namespace that has had jobs. */
    readonly networkPolicies: Informer<NetworkPolicy>;
    readonly jobs: Informer<ComputeJob>;
    readonly vms: Informer<VirtualMachine>;
    readonly vmis: Informer<VirtualMachineInstance>;
    readonly migrations: Informer<VirtualMachineInstanceMigration>;
    readonly pods: Informer<Pod>;
    /** Pods that are no guests of ours, while they are on a machine and unfinished; only what they ask for. */
    readonly otherPods: Informer<Pod>;
  };
  /** The extended resource that counts as a graphics processor. */
  readonly gpuResource: string;
  readonly nodes: Freshest<Node>;
  readonly jobs: Freshest<ComputeJob>;
  readonly networkPolicies: Freshest<NetworkPolicy>;
  /** Room that was given away by decisions that are still being written. */
  readonly promises = new Promises();
  readonly #vms: Freshest<VirtualMachine>;
  readonly #migrations: Freshest<VirtualMachineInstanceMigration>;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #keeper: PoolKeeper;

  constructor(o: WorldOptions) {
    this.#clock = o.clock;
    this.#patience = o.patience ?? usualPatience;
    this.gpuResource = o.gpuResource ?? defaultGpuResource;
    const informer = <T extends KubeObject>(
      type: ResourceType,
      extra: Partial<ConstructorParameters<typeof Informer<T>>[0]> = {},
    ): Informer<T> => new Informer<T>({ keep: trimmed, ...o, ...o.listening, type, ...extra });
    const ours = { labelSelector: managedSelector };
    this.informers = {
      nodes: informer<Node>(resources.nodes, {
        keep: trimmedNode,
        indexes: { ownerPresent: (node) => (isOwnerPresent(node) ? [yes] : []) },
      }),
      leases: informer<Lease>(resources.leases, { namespace: 'kube-node-lease', keep: trimmedLease }),
      agentLeases: informer<Lease>(resources.leases, {
        namespace: machineLeaseNamespace,
        keep: trimmedLease,
        metrics: o.metrics && calledAgentLeases(o.metrics),
      }),
      namespaces: informer<Namespace>(resources.namespaces),
      // By name, not by label: one whose label was taken away is still there.
      networkPolicies: informer<NetworkPolicy>(resources.networkPolicies, {
        fieldSelector: `metadata.name=${networkPolicyName}`,
      }),
      jobs: informer<ComputeJob>(resources.computeJobs, {
        keep: trimmedJob,
        pageSize: jobsPerPage,
        indexes: { machine: (job) => only(machineOfJob(job)) },
      }),
      vms: informer<VirtualMachine>(resources.virtualMachines, { ...ours, indexes: byJob }),
      vmis: informer<VirtualMachineInstance>(resources.virtualMachineInstances, {
        ...ours,
        indexes: {
          ...byJob,
          machine: ({ status }) => only(status?.nodeName),
          target: ({ status }) => only(status?.migrationState?.targetNode),
          evacuating: (vmi) => (vmi.status?.evacuationNodeName && !isInstanceOver(vmi) ? [yes] : []),
        },
      }),
      migrations: informer<VirtualMachineInstanceMigration>(resources.virtualMachineInstanceMigrations, {
        indexes: { vmi: (migration) => [vmiKeyOf(migration)], machine: endsOfMigration },
      }),
      pods: informer<Pod>(resources.pods, {
        ...ours,
        keep: trimmedLauncher,
        indexes: { ...byJob, machine: ({ spec }) => only(spec.nodeName), guest: (pod) => only(guestOfLauncher(pod)) },
      }),
      otherPods: informer<Pod>(resources.pods, { labelSelector: unmanagedSelector, keep: trimmedOther }),
    };
    this.nodes = new Freshest(this.informers.nodes, o.clock);
    this.jobs = new Freshest(this.informers.jobs, o.clock);
    this.networkPolicies = new Freshest(this.informers.networkPolicies, o.clock);
    this.#vms = new Freshest(this.informers.vms, o.clock);
    this.#migrations = new Freshest(this.informers.migrations, o.clock);
    this.#keeper = this.#keep();
  }

  get synced(): boolean {
    return Object.values(this.informers).every(({ hasSynced }) => hasSynced);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Object.values(this.informers).map((informer) => informer.run(signal)));
  }

  async untilSynced(): Promise<void> {
    await Promise.all(Object.values(this.informers).map((informer) => informer.synced()));
  }

  /** The same object as before while nothing changed. */
  pool(): Pool {
    for (const each of [this.nodes, this.jobs, this.#vms, this.#migrations]) each.expire();
    return this.#keeper.pool(this.#clock.now());
  }

  vmsOf(jobKey: string): VirtualMachine[] {
    return this.#vms.byIndex('job', jobKey, (vm) => jobKeyOf(vm) === jobKey);
  }

  vmisOf(jobKey: string): VirtualMachineInstance[] {
    return this.informers.vmis.store.byIndex('job', jobKey);
  }

  podsOf(jobKey: string): Pod[] {
    return this.informers.pods.store.byIndex('job', jobKey);
  }

  /** @param vmiKey namespace/name of the instance. */
  migrationsOf(vmiKey: string): VirtualMachineInstanceMigration[] {
    return this.#migrations.byIndex('vmi', vmiKey, (migration) => vmiKeyOf(migration) === vmiKey);
  }

  /** Jobs whose open attempt is on the machine. */
  jobsOn(machine: string): ComputeJob[] {
    return this.jobs.byIndex('machine', machine, (job) => machineOfJob(job) === machine);
  }

  vmisOn(machine: string): VirtualMachineInstance[] {
    return this.informers.vmis.store.byIndex('machine', machine);
  }

  /** Launcher pods on the machine, finished ones too. */
  podsOn(machine: string): Pod[] {
    return this.informers.pods.store.byIndex('machine', machine);
  }

  /** Migrations from the machine or to it, as far as either end is known; finished ones too. */
  migrationsTouching(machine: string): VirtualMachineInstanceMigration[] {
    const named = this.#migrations.byIndex('machine', machine, (migration) =>
      endsOfMigration(migration).includes(machine),
    );
    const moving = [...this.vmisOn(machine), ...this.informers.vmis.store.byIndex('target', machine)];
    return [...new Set([...named, ...moving.flatMap((vmi) => this.migrationsOf(keyOf(vmi)))])];
  }

  /** Instances that somebody asked to leave their machine. */
  evacuating(): VirtualMachineInstance[] {
    return this.informers.vmis.store.byIndex('evacuating', yes);
  }

  /** Instances on machines whose owner is present. */
  besideOwners(): VirtualMachineInstance[] {
    const machines = this.informers.nodes.store.byIndex('ownerPresent', yes);
    return machines.flatMap(({ metadata }) => this.vmisOn(metadata.name).filter((vmi) => !isInstanceOver(vmi)));
  }

  wroteVm(vm: VirtualMachine): void {
    this.#vms.wrote(vm);
  }

  wroteMigration(migration: VirtualMachineInstanceMigration): void {
    this.#migrations.wrote(migration);
  }

  #keep(): PoolKeeper {
    const { vmis, pods, otherPods, agentLeases: fences } = this.informers;
    const keeper = new PoolKeeper(
      {
        node: (name) => this.nodes.get(name),
        job: (key) => this.jobs.get(key),
        vm: (key) => this.#vms.get(key),
        vmi: (key) => vmis.store.get(key),
        migrations: (key) => this.migrationsOf(key),
        launchers: (key) => pods.store.byIndex('guest', key),
        otherPod: (key) => otherPods.store.get(key),
        unfenced: ({ metadata: { name, labels: own } }) =>
          fenceTrouble(own, fences.store.get(`${machineLeaseNamespace}/${name}`), this.#patience),
      },
      this.gpuResource,
    );
    this.nodes.onChange((node) => keeper.nodeChanged(keyOf(node)));
    fences.onChange(({ type, object, previous }) => {
      if (type !== 'updated' || isNewsOfFence(previous, object)) keeper.nodeChanged(object.metadata.name);
    });
    this.jobs.onChange((job) => keeper.jobChanged(keyOf(job)));
    this.#vms.onChange((vm) => keeper.guestChanged(keyOf(vm)));
    vmis.onChange(({ object }) => keeper.guestChanged(keyOf(object)));
    this.#migrations.onChange((migration) => keeper.guestChanged(vmiKeyOf(migration)));
    pods.onChange(({ object, previous }) => {
      for (const pod of [object, previous]) {
        const key = pod && guestOfLauncher(pod);
        if (key !== undefined) keeper.guestChanged(key);
      }
    });
    otherPods.onChange(({ object }) => keeper.otherPodChanged(keyOf(object)));
    return keeper;
  }
}

function machineOfJob(job: ComputeJob): string | undefined {
  return openAttempt(job)?.node;
}

/** Both ends of a migration, as far as it says itself. */
export function endsOfMigration({ spec, status }: VirtualMachineInstanceMigration): string[] {
  const { sourceNode, targetNode } = status?.migrationState ?? {};
  const named = [spec.addedNodeSelector?.[labels.hostname], sourceNode, targetNode];
  return [...new Set(named.flatMap(only))];
}

/** What metrics call the leases of agents, to tell them from those of kubelets. */
export const agentLeases = 'agentleases';

function calledAgentLeases(metrics: InformerMetrics): InformerMetrics {
  return {
    listed: (_type, outcome, objects) => metrics.listed(agentLeases, outcome, objects),
    repaired: (_type, changes) => metrics.repaired(agentLeases, changes),
    watchEnded: (_type, outcome) => metrics.watchEnded(agentLeases, outcome),
    event: (_type, event) => metrics.event(agentLeases, event),
    handlerFailed: () => metrics.handlerFailed(agentLeases),
  };
}
