// The machines and jobs that worlds are made of, and how they get into an API server.
// Promises: the same arguments make the same world, but for uids and times.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, leases, nodes } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { aMachine, type MachineOverrides } from '../../test/builders/node.ts';

const namespace = 'default';
const perRoom = 25;
/** Writes under way while a world is made. */
const concurrency = 24;

export interface MachineKind extends MachineOverrides {
  /** Jobs of one core that it has room for. */
  readonly slots: number;
}

/** Machines `pc-FIRST` and on, 25 to a room; their kubelets are answered on `kubeletPort` of this machine. */
export function someMachines(count: number, kubeletPort: number, kind: MachineKind, first = 1): Node[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    const { slots, ...overrides } = kind;
    const node = aMachine(`pc-${number}`, {
      cores: slots,
      memoryMiB: 65_536,
      diskMiB: 1_000_000,
      room: `room-${Math.ceil(number / perRoom)}`,
      ...overrides,
    });
    return {
      ...node,
      status: {
        ...node.status,
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
        allocatable: { cpu: '256', memory: '512Gi', 'ephemeral-storage': '4Ti', pods: '250' },
      },
    };
  });
}

function jobName(number: number): string {
  return `job-${number}`;
}

/** @param image tells the simulated guests how long the job runs: `run-for-MS`. */
export function aJob(number: number, o: { runsForMs: number; spec?: Partial<ComputeJob['spec']> }): object {
  return {
    metadata: { name: jobName(number), namespace },
    spec: {
      image: { containerDisk: `bench/run-for-${o.runsForMs}` },
      resources: { cores: 1, memory: '512Mi' },
      script: '#!/bin/sh\nmake -C /scratch all\n',
      walltime: '1h',
      ...o.spec,
    },
  };
}

export async function addMachines(client: KubeClient, machines: readonly Node[]): Promise<void> {
  await inParallel(machines, async (machine) => {
    const { status, ...rest } = machine;
    const { uid: _own, resourceVersion: _first, ...metadata } = rest.metadata;
    const { name } = metadata;
    await client.create(nodes, { ...rest, metadata });
    await client.mergePatch(nodes, { name }, { status }, { subresource: 'status' });
    // A new Node is born with the taint not-ready, which a controller takes away that does not run here.
    await client.mergePatch(nodes, { name }, { spec: { taints: null } });
    await client.create(leases, { metadata: { namespace: 'kube-node-lease', name }, spec: { holderIdentity: name } });
  });
}

export async function addJobs(client: KubeClient, jobs: readonly object[]): Promise<void> {
  await inParallel(jobs, (job) => client.create(computeJobs, job as { metadata: { name: string } }));
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  const work = async (): Promise<void> => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}
