// What the objects of an attempt say about it, in the words that decide.ts and its messages use.
// Promises: pure.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition, isTrue } from '../api/conditions.ts';
import type { Pod } from '../api/kubernetes.ts';
import { isInstanceOver, isMigrationOver } from '../api/kubevirt.ts';
import type { VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { isBeingDeleted, labelOf } from '../api/meta.ts';
import type { Attempt } from '../model/job.ts';
import { labels } from '../model/names.ts';
import type { Milestones, Mobility } from '../model/status.ts';
import { isPinned } from '../render/virtual-machine.ts';

export interface Guest {
  readonly vm?: VirtualMachine | undefined;
  readonly vmi?: VirtualMachineInstance | undefined;
  readonly pods: readonly Pod[];
  readonly migrations: readonly VirtualMachineInstanceMigration[];
}

export function isPodOfAttempt(pod: Pod, attempt: number): boolean {
  return labelOf(pod, labels.attempt) === String(attempt);
}

/**
 * When the virtual machine was made and its guest began to run, as the cluster recorded it. Its clocks are not ours, so neither
 * is ever before the claim or after now.
 */
export function milestonesOf({ vm, vmi }: Guest, { claimed = '' }: Attempt, nowMs: number): Milestones {
  if (!vm) return {};
  const now = new Date(nowMs).toISOString();
  const between = (first: string, at: string | undefined): string => {
    const atMs = Date.parse(at ?? now);
    return atMs <= Date.parse(first) ? first : atMs > nowMs ? now : (at ?? now);
  };
  const created = between(claimed, vm.metadata.creationTimestamp);
  const phases = vmi?.status?.phaseTransitionTimestamps ?? [];
  const ran = phases.find(({ phase }) => phase === 'Running')?.phaseTransitionTimestamp;
  const runs = ran !== undefined || vmi?.status?.phase === 'Running';
  return { created, ...(runs ? { running: between(created, ran) } : {}) };
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

/** Whether the guest can move while it runs; undefined while that is not known yet. */
export function mobilityOf({ vm, vmi }: Guest): Mobility | undefined {
  const live = getCondition(vmi?.status?.conditions, 'LiveMigratable');
  if (!live) return undefined;
  if (live.status !== 'True') {
    const message = live.message ?? 'KubeVirt cannot move it while it runs';
    return { yes: false, reason: live.reason ?? 'NotMigratable', message };
  }
  if (!isPinned(vmi?.spec.affinity)) {
    return { yes: true, reason: 'Migratable', message: 'the guest can move while it runs' };
  }
  // Between our release and KubeVirt's carrying it out lie some tenths of a second, of which nothing is told.
  const frozen = getCondition(vm?.status?.conditions, 'RestartRequired');
  if (frozen?.status !== 'True') return undefined;
  const message =
    `KubeVirt does not release the guest from ${vmi?.status?.nodeName} before a restart` +
    `${frozen.message === undefined ? '' : ` (${frozen.message})`}: either the virtual machine was edited by hand,` +
    ' and undoing that edit heals it, or vmRolloutStrategy of the KubeVirt object is not LiveUpdate';
  return { yes: false, reason: 'RestartRequired', message };
}

/** How a guest that has started can be reached; undefined when it cannot. */
export function reachableBy(job: ComputeJob): string | undefined {
  switch (job.spec.console) {
    case 'Serial':
      return 'the serial console answers';
    case 'VNC':
      return 'the guest is up and has a screen';
    case 'None':
      return undefined;
  }
}

/** Reasons of a pod that ended because the machine wanted it gone (Kubernetes: pkg/kubelet/eviction, nodeshutdown, preemption). */
const putOut: ReadonlySet<string> = new Set(['Evicted', 'Terminated', 'NodeShutdown', 'Shutdown', 'Preempting']);

/** Who ended the guest, if it was not the guest itself: its instance or pod was deleted, or its machine put it out. */
export function whoEnded({ vmi, pods }: Guest): string | undefined {
  const onNode = pods.filter((pod) => pod.spec.nodeName === vmi?.status?.nodeName);
  const out = onNode.find(({ status }) => putOut.has(status?.reason ?? ''));
  if (out) return `was put out by its machine (${out.status?.reason}: ${out.status?.message ?? 'no reason given'})`;
  if (vmi !== undefined && isBeingDeleted(vmi)) return 'was deleted by somebody else';
  if (onNode.length === 0 || onNode.some(isBeingDeleted)) return 'was ended from outside: its pod was deleted';
  return undefined;
}

/** The words for a crash. */
export function crashWords({ vmi, pods }: Guest, machine: string): string {
  const killed = pods
    .filter((pod) => pod.spec.nodeName === vmi?.status?.nodeName)
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .some(({ state }) => state?.terminated?.reason === 'OOMKilled');
  return killed
    ? `the kernel of ${machine} killed the guest, as its container had used up its memory`
    : `the guest or its machine ${machine} crashed`;
}

/** Whether the instance has come as far as to run its guest; one that has not is another than the one that ran before. */
export function hasRun(vmi: VirtualMachineInstance | undefined): boolean {
  return !['', 'Pending', 'Scheduling', 'Scheduled'].includes(vmi?.status?.phase ?? '');
}

/** Whether KubeVirt has made the pod that the guest is to run in; from then on it is up to the machine. */
export function hasBegun({ vmi, pods }: Guest): boolean {
  return pods.length > 0 || !['', 'Pending'].includes(vmi?.status?.phase ?? '');
}

/** Nothing of the virtual machine runs or will run any more. */
export function isDead(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): boolean {
  return isBeingDeleted(vm) && (vmi === undefined || isInstanceOver(vmi));
}

/** An instance without a virtual machine: somebody deleted that one alone (`kubectl delete vm --cascade=orphan`). */
export function isOrphaned(vmi: VirtualMachineInstance): boolean {
  return !(vmi.metadata.ownerReferences ?? []).some(({ kind }) => kind === 'VirtualMachine');
}
