// Nodes of lab machines for tests: ready, approved and lending 2 cores, 2048 MiB and 20480 MiB of disk unless told.

import type { Node, Taint } from '@idlewild/operator/api/kubernetes.ts';

export interface MachineOverrides {
  readonly cores?: number;
  readonly memoryMiB?: number;
  readonly diskMiB?: number;
  readonly room?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: Taint[];
  readonly approved?: boolean;
  readonly cordoned?: boolean;
  readonly ready?: boolean;
  readonly since?: string;
  readonly cpuModels?: readonly string[];
  readonly cpuVendor?: string;
  readonly images?: string[];
  readonly architecture?: string;
}

export function aMachine(name: string, o: MachineOverrides = {}): Node {
  const models = (o.cpuModels ?? ['qemu64', 'Nehalem']).map((model) => [`cpu-model.node.kubevirt.io/${model}`, 'true']);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      annotations: { 'idlewild.dev/offer': JSON.stringify({ since: o.since ?? '2026-01-01T00:00:00Z' }) },
      labels: {
        ...(o.approved === false ? {} : { 'node-restriction.kubernetes.io/idlewild-approved': 'true' }),
        'idlewild.dev/pool': 'on',
        'idlewild.dev/class': 'desktop',
        'idlewild.dev/presence': 'away',
        'idlewild.dev/lend-cores': String(o.cores ?? 2),
        'idlewild.dev/lend-memory-mib': String(o.memoryMiB ?? 2048),
        'idlewild.dev/lend-disk-mib': String(o.diskMiB ?? 20480),
        'topology.kubernetes.io/zone': o.room ?? 'lab-a',
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': o.architecture ?? 'amd64',
        'kubevirt.io/schedulable': 'true',
        [`cpu-vendor.node.kubevirt.io/${o.cpuVendor ?? 'AMD'}`]: 'true',
        'machine-type.node.kubevirt.io/pc-q35-7.2': 'true',
        ...Object.fromEntries(models),
        ...o.labels,
      },
    },
    spec: {
      ...(o.cordoned ? { unschedulable: true } : {}),
      taints: [
        ...(o.cordoned ? [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const] : []),
        ...(o.taints ?? []),
      ],
    },
    status: {
      conditions: [{ type: 'Ready', status: o.ready === false ? 'False' : 'True' }],
      images: o.images === undefined ? [] : [{ names: o.images }],
    },
  };
}

export const lostTaint: Taint = { key: 'idlewild.dev/lost', effect: 'NoSchedule' };
