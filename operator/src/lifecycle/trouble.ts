// Why a guest is not running yet, or stands still, if something is wrong and the cluster says what: in words, with a next step.
// Promises: pure; the cluster's own text is part of the words.

import { getCondition } from '../api/conditions.ts';
import type { Pod } from '../api/kubernetes.ts';
import type { ProgressReason } from '../model/reasons.ts';
import type { Guest } from './observe.ts';
import { refusalOf, unansweredOf } from './refusal.ts';

export interface Trouble {
  readonly reason: ProgressReason;
  readonly message: string;
}

/** Why the guest is not running yet. */
export function trouble({ vm, vmi, pods }: Guest, image: string): Trouble | undefined {
  for (const pod of pods) {
    const wrong = podTrouble(pod, image);
    if (wrong) return wrong;
  }
  const synchronized = getCondition(vmi?.status?.conditions, 'Synchronized');
  if (synchronized?.status === 'False') {
    const { reason = '', message } = synchronized;
    if (isPullReason(reason)) return imageTrouble(image, reason, message);
    return failedCreate('the pod of the guest', reason, message);
  }
  const failure = getCondition(vm?.status?.conditions, 'Failure');
  if (failure?.status === 'True') return failedCreate('the guest', failure.reason ?? '', failure.message);
  return undefined;
}

/** Why a guest that had been running stands still. */
export function standstill({ vm, vmi }: Guest): (Trouble & { readonly broken: boolean }) | undefined {
  const paused = getCondition(vmi?.status?.conditions, 'Paused');
  if (paused?.status !== 'True') return undefined;
  // For the last of a copy that does not come to an end otherwise (allowWorkloadDisruption); waking it would undo that.
  if (paused.reason === 'PausedByMigrationMonitor') return undefined;
  const on = vmi?.status?.nodeName ?? 'its machine';
  if (paused.reason === 'PausedIOError') {
    const detail = paused.message === undefined ? '' : ` (${paused.message})`;
    const message = `KubeVirt paused the guest because its disk cannot be written on ${on}${detail}; ${on} may be out of disk space`;
    return { reason: 'GuestPaused', message, broken: true };
  }
  const next = `virtctl unpause vmi ${vm?.metadata.name} -n ${vm?.metadata.namespace} lets it go on`;
  return { reason: 'GuestPaused', message: `somebody paused the guest; ${next}`, broken: false };
}

/** How far a guest came that never started its script, for the reason of giving it up. */
export function howFar(guest: Guest, image: string): string {
  const wrong = trouble(guest, image);
  if (wrong) return wrong.message;
  if (!guest.vm) return 'its virtual machine could not be created';
  const phase = guest.vmi?.status?.phase ?? '';
  switch (phase) {
    case '':
    case 'Pending':
    case 'WaitingForSync':
      return 'KubeVirt has not begun to start it';
    case 'Scheduling':
      return 'its launcher pod was not ready';
    case 'Scheduled':
      return 'the machine had not started the guest';
    case 'Running':
      return 'the guest was powered on, but its system never ran the start script: either the image does not boot, or it has no cloud-init';
    case 'Succeeded':
    case 'Failed':
      return `the guest ended (${phase}) before its script could start`;
    case 'Unknown':
      return 'KubeVirt does not know the state of the guest';
  }
}

function podTrouble({ status }: Pod, image: string): Trouble | undefined {
  for (const { state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const { reason = '', message } = state?.waiting ?? {};
    if (isPullReason(reason)) return imageTrouble(image, reason, message);
    if (isContainerReason(reason)) {
      const text = `the machine cannot make the guest's containers (${reason}${message === undefined ? '' : `: ${message}`})`;
      return { reason: 'Refused', message: text };
    }
  }
  const scheduled = getCondition(status?.conditions, 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    const text = scheduled.message ?? 'no reason given';
    return { reason: 'NoRoomOnMachine', message: `the scheduler does not place the guest's pod: ${text}` };
  }
  return undefined;
}

/** Waiting reasons of Kubernetes (pkg/kubelet/images/types.go), which KubeVirt copies to the condition Synchronized. */
function isPullReason(reason: string): boolean {
  return ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'RegistryUnavailable'].includes(
    reason,
  );
}

/** Waiting reasons of Kubernetes (pkg/kubelet/kuberuntime) that do not pass by themselves. */
function isContainerReason(reason: string): boolean {
  return ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'].includes(reason);
}

function imageTrouble(image: string, reason: string, message: string | undefined): Trouble {
  const next = 'check spec.image.containerDisk, and whether the machine reaches that registry';
  return {
    reason: 'ImagePullFailed',
    message: `image ${image} could not be pulled (${pullError(reason, message)}); ${next}`,
  };
}

/** Between two tries Kubernetes 1.32 and later repeat the error of the last one, earlier versions say only that they wait. */
function pullError(reason: string, message: string | undefined): string {
  if (reason !== 'ImagePullBackOff') return message === undefined ? reason : `${reason}: ${message}`;
  return /: (ErrImagePull: .*)$/s.exec(message ?? '')?.[1] ?? backOffOnly;
}

const backOffOnly = 'ImagePullBackOff';

/** Whether a message says no more than that another pull is due; what the pull failed on was said before. */
export function isBackOffOnly(message: string): boolean {
  return message.includes(`(${backOffOnly})`);
}

function failedCreate(what: string, reason: string, message: string | undefined): Trouble {
  const text = message ?? reason;
  if (reason === 'FailedCreate') return unansweredOf(what, text) ?? refusalOf(what, text);
  return { reason: 'VirtualMachineCreated', message: `KubeVirt: ${text}` };
}
