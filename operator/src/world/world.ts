// What the operator knows of the cluster: one informer per kind, and its own writes on top.
// Promises: everything that decides reads from here; nothing here decides. Pods, virtual machines and instances are only
// those of Idlewild's attempts.

import type { Logger } from 'pino';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Lease, Namespace, Node, Pod } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import * as resources from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { Informer, type InformerMetrics } from '../kube/informer.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../api/resources.ts';
import { labels, managedSelector } from '../model/names.ts';
import { poolOf, type Pool } from '../model/pool.ts';
import { Freshest } from './freshest.ts';

export interface WorldOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  readonly metrics?: InformerMetrics | undefined;
}

/** namespace/name of the job that an object of an attempt belongs to. */
export function jobKeyOf(object: KubeObject): string | undefined {
  const job = object.metadata.labels?.[labels.job];
  return job === undefined ? undefined : `${object.metadata.namespace}/${job}`;
}

const byJob = { job: (object: KubeObject) => [jobKeyOf(object) ?? ''].filter((key) => key !== '') };

export class World {
  readonly informers: {
    readonly nodes: Informer<Node>;
    readonly leases: Informer<Lease>;
    readonly namespaces: Informer<Namespace>;
    readonly jobs: Informer<ComputeJob>;
    readonly vms: Informer<VirtualMachine>;
    readonly vmis: Informer<VirtualMachineInstance>;
    readonly migrations: Informer<VirtualMachineInstanceMigration>;
    readonly pods: Informer<Pod>;
  };
  readonly nodes: Freshest<Node>;
  readonly jobs: Freshest<ComputeJob>;
  readonly #vms: Freshest<VirtualMachine>;
  readonly #migrations: Freshest<VirtualMachineInstanceMigration>;

  readonly #clock: Clock;

  constructor(o: WorldOptions) {
    this.#clock = o.clock;
    const informer = <T extends KubeObject>(
      type: ResourceType,
      extra: Partial<ConstructorParameters<typeof Informer<T>>[0]> = {},
    ): Informer<T> => new Informer<T>({ ...o, type, ...extra });
    const ours = { labelSelector: managedSelector, indexes: byJob };
    this.informers = {
      nodes: informer<Node>(resources.nodes),
      leases: informer<Lease>(resources.leases, { namespace: 'kube-node-lease' }),
      namespaces: informer<Namespace>(resources.namespaces),
      jobs: informer<ComputeJob>(resources.computeJobs),
      vms: informer<VirtualMachine>(resources.virtualMachines, ours),
      vmis: informer<VirtualMachineInstance>(resources.virtualMachineInstances, ours),
      migrations: informer<VirtualMachineInstanceMigration>(resources.virtualMachineInstanceMigrations, {
        indexes: { vmi: ({ metadata, spec }) => [`${metadata.namespace}/${spec.vmiName}`] },
      }),
      pods: informer<Pod>(resources.pods, ours),
    };
    this.nodes = new Freshest(this.informers.nodes, o.clock);
    this.jobs = new Freshest(this.informers.jobs, o.clock);
    this.#vms = new Freshest(this.informers.vms, o.clock);
    this.#migrations = new Freshest(this.informers.migrations, o.clock);
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

  pool(): Pool {
    const objects = {
      nodes: this.nodes.list(),
      jobs: this.jobs.list(),
      vms: this.#vms.list(),
      vmis: this.informers.vmis.store.list(),
      migrations: this.#migrations.list(),
    };
    return poolOf(objects, { nowMs: this.#clock.now() });
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
    return this.#migrations.byIndex(
      'vmi',
      vmiKey,
      ({ metadata, spec }) => `${metadata.namespace}/${spec.vmiName}` === vmiKey,
    );
  }

  wroteVm(vm: VirtualMachine): void {
    this.#vms.wrote(vm);
  }

  wroteMigration(migration: VirtualMachineInstanceMigration): void {
    this.#migrations.wrote(migration);
  }
}
