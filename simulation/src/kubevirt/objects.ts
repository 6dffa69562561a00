// The objects that KubeVirt and the kubelet make of a virtual machine, with the fields that anybody reads.
// Pure. Shapes follow what KubeVirt's controllers wrote: pkg/virt-controller/watch/vmi, pkg/virt-controller/services/template.go.

import type { ContainerStatus, Pod, PodStatus } from '@idlewild/operator/api/kubernetes.ts';
import type {
  VirtualMachine,
  VirtualMachineInstance,
  VirtualMachineInstanceMigration,
  VmiPhase,
} from '@idlewild/operator/api/kubevirt.ts';
import { ownerReference } from '@idlewild/operator/api/meta.ts';
import { virtualMachineInstances, virtualMachines } from '@idlewild/operator/api/resources.ts';
import { consoleContainer, labels } from '@idlewild/operator/model/names.ts';
import { needsOfVm } from '@idlewild/operator/model/capacity.ts';

export const vmFinalizer = 'kubevirt.io/virtualMachineControllerFinalize';
export const vmiFinalizer = 'kubevirt.io/foregroundDeleteVirtualMachine';
export const migrationFinalizer = 'kubevirt.io/migrationJobFinalize';

export function imageOf({ spec }: VirtualMachineInstance): string {
  return spec.volumes?.find(({ containerDisk }) => containerDisk)?.containerDisk?.image ?? '';
}

export function newInstance(vm: VirtualMachine, at: string): VirtualMachineInstance {
  const { template } = vm.spec;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      name: vm.metadata.name,
      namespace: vm.metadata.namespace ?? '',
      labels: template.metadata?.labels ?? {},
      ...(template.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      finalizers: [vmFinalizer, vmiFinalizer],
      ownerReferences: [ownerReference(virtualMachines, vm, { controller: true, blockOwnerDeletion: true })],
    },
    spec: template.spec,
    status: { phase: 'Pending', phaseTransitionTimestamps: [{ phase: 'Pending', phaseTransitionTimestamp: at }] },
  };
}

export function inPhase(vmi: VirtualMachineInstance, phase: VmiPhase, at: string): VirtualMachineInstance {
  const before = vmi.status?.phaseTransitionTimestamps ?? [];
  const times = [...before, { phase, phaseTransitionTimestamp: at }];
  return { ...vmi, status: { ...vmi.status, phase, phaseTransitionTimestamps: times } };
}

export function withVmiCondition(
  vmi: VirtualMachineInstance,
  type: string,
  status: 'True' | 'False',
  reason?: string,
  message?: string,
): VirtualMachineInstance {
  const others = (vmi.status?.conditions ?? []).filter((condition) => condition.type !== type);
  const words = { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
  const condition = { type, status, ...words };
  return { ...vmi, status: { ...vmi.status, conditions: [...others, condition] } };
}

export function withoutVmiCondition(vmi: VirtualMachineInstance, type: string): VirtualMachineInstance {
  const { conditions = [] } = vmi.status ?? {};
  if (!conditions.some((condition) => condition.type === type)) return vmi;
  return { ...vmi, status: { ...vmi.status, conditions: conditions.filter((each) => each.type !== type) } };
}

/** @param migration set for the target of a migration. */
export function newPod(vmi: VirtualMachineInstance, suffix: string, migration?: VirtualMachineInstanceMigration): Pod {
  const { cores, memoryMiB } = needsOfVm({ metadata: vmi.metadata, spec: { template: { spec: vmi.spec } } });
  const { affinity, nodeSelector } = vmi.spec;
  const selector = { ...migration?.spec.addedNodeSelector, ...nodeSelector, [labels.schedulable]: 'true' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `virt-launcher-${vmi.metadata.name}-${suffix}`,
      namespace: vmi.metadata.namespace ?? '',
      labels: {
        ...vmi.metadata.labels,
        'kubevirt.io': 'virt-launcher',
        'kubevirt.io/created-by': vmi.metadata.uid ?? '',
        ...(migration ? { 'kubevirt.io/migrationJobUID': migration.metadata.uid ?? '' } : {}),
      },
      annotations: {
        'kubevirt.io/domain': vmi.metadata.name,
        ...(migration ? { 'kubevirt.io/migrationJobName': migration.metadata.name } : {}),
      },
      ownerReferences: [ownerReference(virtualMachineInstances, vmi, { controller: true, blockOwnerDeletion: true })],
    },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 60,
      nodeSelector: selector,
      ...(affinity === undefined ? {} : { affinity }),
      containers: [
        {
          name: 'compute',
          image: 'virt-launcher',
          resources: { requests: { cpu: `${cores * 100}m`, memory: `${memoryMiB}Mi` } },
        },
      ],
    },
    status: { phase: 'Pending' },
  };
}

export function isMigrationTarget({ metadata }: Pod): boolean {
  return metadata.labels?.['kubevirt.io/migrationJobUID'] !== undefined;
}

export function isPodOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

export function podWithStatus(pod: Pod, status: PodStatus): Pod {
  return { ...pod, status: { ...pod.status, ...status } };
}

export function runningStatus(image: string, at: string): PodStatus {
  return {
    phase: 'Running',
    startTime: at,
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Ready', status: 'True' },
    ],
    initContainerStatuses: [
      container(consoleContainer, { running: { startedAt: at } }),
      container('volumeroot', { running: { startedAt: at } }, image),
    ],
    containerStatuses: [container('compute', { running: { startedAt: at } })],
  };
}

export function endedStatus(phase: 'Succeeded' | 'Failed', at: string): PodStatus {
  const exitCode = phase === 'Succeeded' ? 0 : 1;
  const terminated = {
    terminated: { exitCode, reason: phase === 'Succeeded' ? 'Completed' : 'Error', finishedAt: at },
  };
  return {
    phase,
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Ready', status: 'False', reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' },
    ],
    initContainerStatuses: [container(consoleContainer, terminated)],
    containerStatuses: [container('compute', terminated)],
  };
}

export function pullFailedStatus(image: string): PodStatus {
  const waiting = {
    waiting: { reason: 'ErrImagePull', message: `failed to pull ${image}: the registry does not answer` },
  };
  return {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    initContainerStatuses: [container('volumeroot', waiting, image)],
  };
}

function container(
  name: string,
  state: NonNullable<ContainerStatus['state']>,
  image = 'virt-launcher',
): ContainerStatus {
  return { name, state, ready: state.running !== undefined, restartCount: 0, image, imageID: image };
}
