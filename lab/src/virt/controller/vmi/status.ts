// The next state of a VirtualMachineInstance, as far as virt-controller owns it: phases up to Scheduled, death by a lost pod,
// Ready and its reasons, active pods. From Scheduled on the machine's handler moves the phase (../../README.md).
// Pure. Facts: KubeVirt pkg/virt-controller/watch/vmi/lifecycle.go (updateStatus) and recordings of it.
import { conditionOf, wholeSeconds, type Condition } from '../../../model/meta.ts';
import {
  MIGRATION_TARGET_LABEL,
  NODE_NAME_LABEL,
  type VirtualMachineInstance,
  type VmiPhase,
  type VmiStatus,
} from '../../model/instance.ts';
import { withCondition, withoutConditions, type NewCondition } from '../../model/conditions.ts';
import {
  MEMORY_OVERHEAD_ANNOTATION,
  containersReady,
  currentPod,
  imageError,
  isGoingDown,
  unschedulable,
  type LauncherPod,
} from '../../model/launcher-pod.ts';
import { inMebibytes } from './overhead.ts';

export interface SyncError {
  readonly reason: string;
  readonly message: string;
}

/**
 * The instance as it should be after this pass.
 * @param pods every existing pod of the instance, with what this pass made.
 * @param syncError why a pod could not be made, if so.
 * @param now ms since the epoch.
 */
export function nextInstance(
  vmi: VirtualMachineInstance,
  pods: readonly LauncherPod[],
  now: number,
  syncError?: SyncError,
): VirtualMachineInstance {
  const pod = currentPod(vmi, pods);
  const at = wholeSeconds(now);
  const old = vmi.status ?? {};
  const phase = nextPhase(vmi, pod);
  const status: VmiStatus = {
    ...old,
    ...(phase === old.phase ? {} : entered(old, phase, at)),
    ...activePodsOf(old, pods),
    ...podFacts(old, pod),
    ...(phase === 'Scheduled' && old.phase !== 'Scheduled' ? scheduledFacts(vmi, pod) : {}),
  };
  const next = { ...vmi, status: { ...status, conditions: conditionsOf({ ...vmi, status }, pod, at, syncError) } };
  return withLabels(next);
}

function nextPhase(vmi: VirtualMachineInstance, pod: LauncherPod | undefined): VmiPhase {
  const phase = vmi.status?.phase || 'Pending';
  switch (phase) {
    case 'Pending':
      if (!pod) return vmi.metadata.deletionTimestamp === undefined ? 'Pending' : 'Failed';
      return isGoingDown(pod) ? 'Failed' : 'Scheduling';
    case 'Scheduling':
      if (!pod || isGoingDown(pod)) return 'Failed';
      return containersReady(pod) && pod.spec.nodeName ? 'Scheduled' : 'Scheduling';
    case 'Scheduled':
    case 'Running':
    case 'Unknown':
      return pod ? phase : 'Failed';
    case 'Succeeded':
    case 'Failed':
      return phase;
  }
}

/** Only the first time that a phase is entered is kept. */
function entered(old: VmiStatus, phase: VmiPhase, at: string): Partial<VmiStatus> {
  const times = old.phaseTransitionTimestamps ?? [];
  if (times.some((entry) => entry.phase === phase)) return { phase };
  return { phase, phaseTransitionTimestamps: [...times, { phase, phaseTransitionTimestamp: at }] };
}

function activePodsOf(old: VmiStatus, pods: readonly LauncherPod[]): Partial<VmiStatus> {
  if (pods.length === 0 && !old.activePods) return {};
  return { activePods: Object.fromEntries(pods.map((pod) => [pod.metadata.uid, pod.spec.nodeName ?? ''])) };
}

function podFacts(old: VmiStatus, pod: LauncherPod | undefined): Partial<VmiStatus> {
  if (!pod) return {};
  const overhead = pod.metadata.annotations?.[MEMORY_OVERHEAD_ANNOTATION];
  const compute = pod.spec.containers.find((container) => container.name === 'compute') as
    { image?: string } | undefined;
  return {
    ...(pod.status?.qosClass ? { qosClass: pod.status.qosClass } : {}),
    ...(overhead ? { memory: { ...old.memory, memoryOverhead: inMebibytes(Number(overhead)) } } : {}),
    ...(compute?.image ? { launcherContainerImageVersion: compute.image } : {}),
  };
}

function scheduledFacts(vmi: VirtualMachineInstance, pod: LauncherPod | undefined): Partial<VmiStatus> {
  const volumes = (vmi.spec.volumes ?? []).map(({ name }) => ({ name, target: '' }));
  return {
    ...(pod?.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    migrationTransport: 'Unix',
    interfaces: (vmi.spec.domain.devices.interfaces ?? []).map(({ name }) => ({ name, podInterfaceName: 'eth0' })),
    volumeStatus: volumes.sort((a, b) => a.name.localeCompare(b.name)),
  };
}

function withLabels(vmi: VirtualMachineInstance): VirtualMachineInstance {
  const { [MIGRATION_TARGET_LABEL]: target, ...labels } = vmi.metadata.labels ?? {};
  const ended = vmi.status?.migrationState?.completed === true;
  const next = {
    ...labels,
    ...(target !== undefined && !ended ? { [MIGRATION_TARGET_LABEL]: target } : {}),
    ...(vmi.status?.nodeName ? { [NODE_NAME_LABEL]: vmi.status.nodeName } : {}),
  };
  return { ...vmi, metadata: { ...vmi.metadata, labels: next } };
}

function conditionsOf(
  vmi: VirtualMachineInstance,
  pod: LauncherPod | undefined,
  at: string,
  syncError: SyncError | undefined,
): readonly Condition[] {
  let list = vmi.status?.conditions ?? [];
  const ready = readyOf(vmi, pod, syncError);
  if (ready) list = withReady(list, ready, at);
  const waiting = vmi.status?.phase === 'Pending' || vmi.status?.phase === 'Scheduling';
  const placement = waiting && pod ? unschedulable(pod) : undefined;
  list = placement
    ? withCondition(
        list,
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: placement.message ?? '' },
        at,
      )
    : withoutConditions(list, 'PodScheduled');
  const problem = syncError ?? (waiting && pod ? imageError(pod) : undefined);
  list = problem
    ? withCondition(list, { type: 'Synchronized', status: 'False', ...problem }, at)
    : withoutConditions(list, 'Synchronized');
  return vmi.status?.evacuationNodeName
    ? withCondition(list, EVICTION_REQUESTED, at)
    : withoutConditions(list, 'EvictionRequested');
}

const EVICTION_REQUESTED: NewCondition = {
  type: 'EvictionRequested',
  status: 'True',
  reason: 'EvictionRequested',
  message: 'VMI is marked for eviction',
};

/** Ready as this controller says it, or a copy of the running pod's; undefined while nothing has happened yet. */
function readyOf(
  vmi: VirtualMachineInstance,
  pod: LauncherPod | undefined,
  syncError: SyncError | undefined,
): NewCondition | undefined {
  const no = (reason: string, message: string): NewCondition => ({ type: 'Ready', status: 'False', reason, message });
  if (!pod) {
    const untouched = vmi.status?.phase === 'Pending' && !syncError;
    return untouched ? undefined : no('PodNotExists', 'virt-launcher pod has not yet been scheduled');
  }
  if (isGoingDown(pod)) return no('PodTerminating', 'virt-launcher pod is terminating');
  if (vmi.status?.phase !== 'Running') return no('GuestNotRunning', 'Guest VM is not reported as running');
  const ready = conditionOf(pod.status?.conditions, 'Ready');
  return ready ?? no('PodConditionMissing', 'virt-launcher pod is missing the Ready condition');
}

function withReady(list: readonly Condition[], ready: NewCondition, at: string): readonly Condition[] {
  return withCondition(
    list,
    {
      type: 'Ready',
      status: ready.status,
      ...(ready.reason === undefined ? {} : { reason: ready.reason }),
      ...(ready.message === undefined ? {} : { message: ready.message }),
    },
    at,
  );
}
