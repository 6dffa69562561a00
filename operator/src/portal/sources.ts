// What the portal knows of the cluster: jobs, machines and namespaces, watched once for all who look at them.
// Promises: rows are made once per change; listeners are told in order. Must not decide who may see what.

import type { Logger } from 'pino';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Namespace, Node } from '../api/kubernetes.ts';
import { computeJobs, namespaces, nodes } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { Informer } from '../kube/informer.ts';
import { keyOf } from '../kube/object.ts';
import { AgentVoices } from './agent-voices.ts';
import { ChangeLog, type RowChange } from './change-log.ts';
import { jobRowOf, machineRowOf } from './rows.ts';
import type { JobRow, MachineRow } from './schemas.ts';

export interface SourcesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

type Tell<R> = (change: RowChange<R>) => void;

export class Sources {
  readonly jobs: Informer<ComputeJob>;
  readonly nodes: Informer<Node>;
  readonly namespaces: Informer<Namespace>;
  readonly log = new ChangeLog<JobRow>();
  readonly #clock: Clock;
  readonly #voices: AgentVoices;
  /** By key of the job. */
  readonly #jobRows = new Map<string, JobRow>();
  readonly #jobListeners = new Set<Tell<JobRow>>();
  readonly #machineListeners = new Set<Tell<MachineRow>>();

  constructor({ client, clock, log }: SourcesOptions) {
    this.#clock = clock;
    const shared = { client, clock, log };
    this.#voices = new AgentVoices({ ...shared, onNews: (name) => this.#tellMachine(name) });
    this.jobs = new Informer({ ...shared, type: computeJobs, indexes: { node: machineOfJob } });
    this.nodes = new Informer({ ...shared, type: nodes });
    this.namespaces = new Informer({ ...shared, type: namespaces });
    this.jobs.onChange((change) => {
      const { object } = change;
      const key = keyOf(object);
      const namespace = object.metadata.namespace ?? '';
      if (change.type === 'deleted') {
        this.#jobRows.delete(key);
        this.#tellJob({ key: object.metadata.uid ?? key, namespace }, object.metadata.resourceVersion);
      } else {
        const row = jobRowOf(object);
        this.#jobRows.set(key, row);
        this.#tellJob({ key: row.uid, namespace, row }, object.metadata.resourceVersion);
      }
      const touched = [object, ...(change.previous === undefined ? [] : [change.previous])].flatMap(machineOfJob);
      for (const name of new Set(touched)) this.#tellMachine(name);
    });
    this.nodes.onChange(({ object }) => this.#tellMachine(object.metadata.name));
  }

  async run(signal: AbortSignal): Promise<void> {
    const informers = [this.jobs, this.nodes, this.namespaces];
    void this.jobs.synced().then(
      () => this.log.begin(),
      () => undefined,
    );
    await Promise.all([...informers.map((informer) => informer.run(signal)), this.#voices.run(signal)]);
  }

  /** What has not been read yet, in words. */
  notReady(): string[] {
    const all = { jobs: this.jobs, machines: this.nodes, namespaces: this.namespaces };
    return Object.entries(all).flatMap(([name, { hasSynced }]) => (hasSynced ? [] : [`${name} not read yet`]));
  }

  namespaceNames(): string[] {
    return this.namespaces.store.keys();
  }

  job(namespace: string, name: string): ComputeJob | undefined {
    return this.jobs.store.get(keyOf({ namespace, name }));
  }

  /** Undefined while the job has no guest. */
  virtualMachineOf(namespace: string, name: string): string | undefined {
    const attempt = this.job(namespace, name)?.status?.attempts?.at(-1);
    return attempt?.ended === undefined && attempt?.created !== undefined ? attempt.virtualMachine : undefined;
  }

  jobRows(): JobRow[] {
    return [...this.#jobRows.values()];
  }

  machineRows(): MachineRow[] {
    return this.nodes.store.list().map((node) => this.#machineRow(node));
  }

  machineRow(name: string): MachineRow | undefined {
    const node = this.nodes.store.get(name);
    return node && this.#machineRow(node);
  }

  /** @returns ends it. */
  onJob(listener: Tell<JobRow>): () => void {
    this.#jobListeners.add(listener);
    return () => this.#jobListeners.delete(listener);
  }

  onMachine(listener: Tell<MachineRow>): () => void {
    this.#machineListeners.add(listener);
    return () => this.#machineListeners.delete(listener);
  }

  #machineRow(node: Node): MachineRow {
    const { name } = node.metadata;
    return machineRowOf(node, this.jobs.store.byIndex('node', name), this.#clock.now(), this.#voices.heardOf(name));
  }

  #tellJob(change: RowChange<JobRow>, resourceVersion: string | undefined): void {
    this.log.add(change, resourceVersion);
    for (const listener of this.#jobListeners) listener(change);
  }

  #tellMachine(name: string): void {
    if (this.#machineListeners.size === 0) return;
    const row = this.machineRow(name);
    const change = { key: name, namespace: '', ...(row === undefined ? {} : { row }) };
    for (const listener of this.#machineListeners) listener(change);
  }
}

/** The machine that has the job now. */
function machineOfJob({ status }: ComputeJob): string[] {
  return status?.node === undefined || status.finishTime !== undefined ? [] : [status.node];
}
