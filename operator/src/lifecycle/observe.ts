// What the objects of an attempt say about it, in the words that decide.ts and its messages use.
// Promises: pure.

import { getCondition, isTrue } from '../api/conditions.ts';
import type { Pod } from '../api/kubernetes.ts';
import { isInstanceOver, isMigrationOver } from '../api/kubevirt.ts';
import type { VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { isBeingDeleted, labelOf } from '../api/meta.ts';
import { labels } from '../model/names.ts';
import type { ProgressReason } from '../model/reasons.ts';
import { isPinned } from '../render/virtual-machine.ts';

export interface Guest {
  readonly vm?: VirtualMachine | undefined;
  readonly vmi?: VirtualMachineInstance | undefined;
  readonly pods: readonly Pod[];
  readonly migrations: readonly VirtualMachineInstanceMigration[];
}

export function isOfAttempt(object: VirtualMachine | Pod, attempt: number): boolean {
  return labelOf(object, labels.attempt) === String(attempt);
}

/** Why the guest is not running yet, if something is wrong and the cluster says what. */
export function trouble(
  { vm, vmi, pods }: Guest,
  image: string,
): { reason: ProgressReason; message: string } | undefined {
  for (const pod of pods) {
    for (const { state } of [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]) {
      const { reason, message } = state?.waiting ?? {};
      if (reason === 'ErrImagePull' || reason === 'ImagePullBackOff' || reason === 'InvalidImageName') {
        return imageTrouble(image, reason, message);
      }
    }
    const scheduled = getCondition(pod.status?.conditions, 'PodScheduled');
    if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
      return {
        reason: 'NoRoomOnMachine',
        message: `the scheduler does not place it: ${scheduled.message ?? 'no reason given'}`,
      };
    }
  }
  const synchronized = getCondition(vmi?.status?.conditions, 'Synchronized');
  if (synchronized?.status === 'False') {
    if (synchronized.reason === 'ErrImagePull' || synchronized.reason === 'ImagePullBackOff') {
      return imageTrouble(image, synchronized.reason, synchronized.message);
    }
    return {
      reason: 'VirtualMachineCreated',
      message: `KubeVirt: ${synchronized.message ?? synchronized.reason ?? ''}`,
    };
  }
  const failure = getCondition(vm?.status?.conditions, 'Failure');
  if (failure?.status === 'True') {
    return { reason: 'VirtualMachineCreated', message: `KubeVirt: ${failure.message ?? failure.reason ?? ''}` };
  }
  return undefined;
}

function imageTrouble(image: string, reason: string, message: string | undefined) {
  // The pull's own error; the back-off message only says that another try is due.
  const detail = message === undefined || message.startsWith('Back-off') ? '' : `: ${message}`;
  return { reason: 'ImagePullFailed' as const, message: `image ${image} could not be pulled (${reason}${detail})` };
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

/** A live update of the affinity would reach the guest now. */
export function canBeReleased({ vm, vmi, migrations }: Guest): boolean {
  return (
    vm !== undefined &&
    isPinned(vm.spec.template.spec.affinity) &&
    vmi?.status?.phase === 'Running' &&
    !isBeingDeleted(vmi) &&
    !isTrue(vm.status?.conditions, 'RestartRequired') &&
    migrations.every(isMigrationOver)
  );
}

/** Whether somebody (not the guest) ended it: its instance or pod was deleted. */
export function wasTakenAway({ vmi, pods }: Guest): boolean {
  const onNode = pods.filter((pod) => pod.spec.nodeName === vmi?.status?.nodeName);
  return (vmi !== undefined && isBeingDeleted(vmi)) || onNode.length === 0 || onNode.some(isBeingDeleted);
}

/** Nothing of the virtual machine runs or will run any more. */
export function isDead(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): boolean {
  return isBeingDeleted(vm) && (vmi === undefined || isInstanceOver(vmi));
}
