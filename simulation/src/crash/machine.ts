// A machine as its agent and KubeVirt have labelled it: two cores and two gigabytes for guests.

import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { annotations, labels } from '@idlewild/operator/model/names.ts';

export function aMachine(name: string, room: string): Node {
  return {
    metadata: {
      name,
      annotations: { [annotations.offer]: JSON.stringify({ since: '2026-01-01T00:00:00Z' }) },
      labels: {
        [labels.approved]: 'true',
        [labels.pool]: 'on',
        [labels.class]: 'desktop',
        [labels.presence]: 'away',
        [labels.fence]: 'armed',
        [labels.lendCores]: '2',
        [labels.lendMemory]: '2048',
        [labels.lendDisk]: '20480',
        [labels.room]: room,
        [labels.hostname]: name,
        [labels.architecture]: 'amd64',
        [labels.schedulable]: 'true',
        'cpu-vendor.node.kubevirt.io/AMD': 'true',
        'cpu-model.node.kubevirt.io/qemu64': 'true',
        'cpu-model.node.kubevirt.io/Nehalem': 'true',
        'machine-type.node.kubevirt.io/pc-q35-9.2': 'true',
      },
    },
    spec: {},
    status: {
      capacity: { cpu: 4, memory: '6144Mi', pods: 110 },
      allocatable: { cpu: 4, memory: '6144Mi', pods: 110 },
      conditions: [{ type: 'Ready', status: 'True' }],
      images: [],
    },
  };
}
