// What the picture shows, kept up to date by watching nodes, instances and jobs with the admin's rights.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs, nodes, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import { pino, type Logger } from 'pino';
import { conditionOf } from '../model/meta.ts';
import type { Node } from '../model/node.ts';
import type { VirtualMachineInstance } from '../virt/model/instance.ts';
import { approvalLabel } from './bootstrap.ts';
import type { JobView, MachineView } from './picture.ts';
import type { MachineEntry } from './state.ts';

export class World {
  readonly #nodes: Informer<Node>;
  readonly #instances: Informer<VirtualMachineInstance>;
  readonly #jobs: Informer<ComputeJob>;

  constructor(client: KubeClient, log: Logger = pino({ level: 'silent' })) {
    const shared = { client, log, clock: systemClock };
    this.#nodes = new Informer({ ...shared, type: nodes });
    this.#instances = new Informer({ ...shared, type: virtualMachineInstances });
    this.#jobs = new Informer({ ...shared, type: computeJobs });
  }

  run(signal: AbortSignal, onChange: () => void): void {
    for (const informer of [this.#nodes, this.#instances, this.#jobs]) {
      informer.onChange(onChange);
      void informer.run(signal);
    }
  }

  /** Its kubelet reports, and its agent has said what it lends. */
  isReady(machine: string): boolean {
    const offered = this.#nodes.store.get(machine)?.metadata.labels?.['idlewild.dev/pool'] === 'on';
    return offered && this.#nodeState(machine) === 'Ready';
  }

  /** Undefined while the machine has no Node. */
  nodeUid(machine: string): string | undefined {
    return this.#nodes.store.get(machine)?.metadata.uid;
  }

  machine(entry: MachineEntry, guests: readonly number[]): MachineView {
    const node = this.#nodes.store.get(entry.name);
    const instances = this.#instances.store
      .list()
      .filter(({ status }) => status?.nodeName === entry.name && !['Succeeded', 'Failed'].includes(status.phase ?? ''))
      .map(({ metadata, status }) => `${metadata.name} (${status?.phase ?? 'new'})`);
    return {
      name: entry.name,
      room: entry.room,
      power: entry.power,
      cut: entry.cut,
      node: this.#nodeState(entry.name),
      approved: node === undefined || node.metadata.labels?.[approvalLabel] === 'true',
      owner:
        entry.desktop !== true
          ? 'none'
          : node?.metadata.labels?.['idlewild.dev/presence'] === 'present'
            ? 'there'
            : 'away',
      closed:
        node?.spec?.unschedulable === true ||
        (node?.spec?.taints ?? []).some(
          ({ key }) => key === 'idlewild.dev/lost' || key === 'idlewild.dev/pending-approval',
        ),
      instances: instances.sort(),
      guests,
    };
  }

  jobs(): JobView[] {
    const age = (job: ComputeJob): string => job.metadata.creationTimestamp ?? '';
    return this.#jobs.store
      .list()
      .sort((a, b) => age(a).localeCompare(age(b)) || a.metadata.name.localeCompare(b.metadata.name))
      .map(({ metadata, status }) => ({
        name: `${metadata.namespace}/${metadata.name}`,
        phase: status?.phase ?? '',
        node: status?.node ?? '',
        attempt: status?.attempt,
        note: noteOf(status),
      }));
  }

  #nodeState(machine: string): string {
    const node = this.#nodes.store.get(machine);
    if (node === undefined) return 'absent';
    const ready = conditionOf(node.status?.conditions, 'Ready');
    return ready?.status === 'True' ? 'Ready' : ready?.status === 'False' ? 'NotReady' : 'Unknown';
  }
}

/** What matters most about a job now. A guest that stands still for an owner still counts as started, so that is told first. */
export function noteOf(status: ComputeJob['status']): string {
  if (status?.exitCode !== undefined) return `exit code ${status.exitCode}`;
  const interrupted = conditionOf(status?.conditions, 'Interrupted');
  if (interrupted?.status === 'True' && interrupted.message !== undefined) return interrupted.message;
  return status?.waiting?.message ?? status?.message ?? '';
}
