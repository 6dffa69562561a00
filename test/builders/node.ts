// Nodes of lab machines for tests: ready, approved and lending 2 cores, 2048 MiB and 20480 MiB of disk unless told; and pods
// that are no guests.

import type { Node, Pod, ResourceList, Taint } from '@idlewild/operator/api/kubernetes.ts';

export interface MachineOverrides {
  readonly cores?: number;
  readonly memoryMiB?: number;
  readonly diskMiB?: number;
  readonly graphicsMiB?: number;
  readonly gpus?: number;
  readonly allocatable?: ResourceList;
  /** In ms since the epoch. */
  readonly hold?: { readonly until: number; readonly message?: string };
  readonly expectedAwayUntil?: string;
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
  const offer = { since: o.since ?? '2026-01-01T00:00:00Z', expectedAwayUntil: o.expectedAwayUntil };
  const hold = o.hold && { message: 'it made trouble', ...o.hold, until: new Date(o.hold.until).toISOString() };
  const models = (o.cpuModels ?? ['qemu64', 'Nehalem']).map((model) => [`cpu-model.node.kubevirt.io/${model}`, 'true']);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      annotations: {
        'idlewild.dev/offer': JSON.stringify(offer),
        ...(hold ? { 'idlewild.dev/hold': JSON.stringify(hold) } : {}),
      },
      labels: {
        ...(o.approved === false ? {} : { 'node-restriction.kubernetes.io/idlewild-approved': 'true' }),
        'idlewild.dev/pool': 'on',
        'idlewild.dev/class': 'desktop',
        'idlewild.dev/presence': 'away',
        'idlewild.dev/lend-cores': String(o.cores ?? 2),
        'idlewild.dev/lend-memory-mib': String(o.memoryMiB ?? 2048),
        'idlewild.dev/lend-disk-mib': String(o.diskMiB ?? 20480),
        ...(o.graphicsMiB === undefined ? {} : { 'idlewild.dev/lend-graphics-memory-mib': String(o.graphicsMiB) }),
        ...(o.gpus === undefined ? {} : { 'idlewild.dev/lend-gpus': String(o.gpus) }),
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
      ...(o.allocatable === undefined ? {} : { allocatable: o.allocatable }),
      conditions: [{ type: 'Ready', status: o.ready === false ? 'False' : 'True' }],
      images: o.images === undefined ? [] : [{ names: o.images }],
    },
  };
}

export const lostTaint: Taint = { key: 'idlewild.dev/lost', effect: 'NoSchedule' };

/** A pod of somebody else that is bound to a machine. */
export function anOtherPod(
  name: string,
  node: string,
  requests: ResourceList,
  phase: NonNullable<Pod['status']>['phase'] = 'Running',
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system', uid: `uid-${name}`, resourceVersion: '1' },
    spec: { nodeName: node, containers: [{ name: 'main', resources: { requests } }] },
    status: { phase: phase ?? 'Running' },
  };
}
