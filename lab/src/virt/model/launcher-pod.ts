// The virt-launcher pod: what the control plane reads of it, and the names that tie it to its VirtualMachineInstance.
// Facts: KubeVirt pkg/virt-controller/services/template.go and staging/src/kubevirt.io/api/core/v1/types.go.
import { conditionOf } from '../../model/meta.ts';
import type { Pod } from '../../model/pod.ts';
import type { VirtualMachineInstance } from './instance.ts';

export interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly imageID?: string;
  readonly ready?: boolean;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: { readonly startedAt?: string };
    readonly terminated?: { readonly exitCode: number; readonly reason?: string };
  };
}

export interface LauncherPod extends Pod {
  readonly status?: NonNullable<Pod['status']> & {
    readonly podIP?: string;
    readonly qosClass?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export const CREATED_BY_LABEL = 'kubevirt.io/created-by';
export const MIGRATION_JOB_LABEL = 'kubevirt.io/migrationJobUID';
export const MIGRATION_JOB_NAME = 'kubevirt.io/migrationJobName';
export const UNPAUSED_GATE = 'kubevirt.io/virtual-machine-unpaused';
export const MEMORY_OVERHEAD_ANNOTATION = 'kubevirt.io/memory-overhead-bytes';
export const EVICTION_IN_PROGRESS = 'descheduler.alpha.kubernetes.io/eviction-in-progress';
/** What the lab's virt-launcher is called; nothing is ever pulled under this name. */
export const LAUNCHER_IMAGE = 'lab/virt-launcher:v1';

/** The pod has ended, or all of its containers have. */
export function isDown(pod: LauncherPod): boolean {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return true;
  const statuses = pod.status?.containerStatuses ?? [];
  return statuses.length > 0 && statuses.every((status) => status.state?.terminated !== undefined);
}

/** The pod has ended or is being deleted. */
export function isGoingDown(pod: LauncherPod): boolean {
  return pod.metadata.deletionTimestamp !== undefined || isDown(pod);
}

/** Every ordinary container runs and is ready. Readiness gates do not count here: a migration target's gate is still shut. */
export function containersReady(pod: LauncherPod): boolean {
  const statuses = pod.status?.containerStatuses ?? [];
  return (
    !isGoingDown(pod) &&
    pod.status?.phase === 'Running' &&
    statuses.length > 0 &&
    statuses.every((status) => status.ready === true)
  );
}

/**
 * The pod that holds the guest now: on the instance's node, the newest first. Before the instance has a node, the newest that
 * is no migration target.
 */
export function currentPod(vmi: VirtualMachineInstance, pods: readonly LauncherPod[]): LauncherPod | undefined {
  const node = vmi.status?.nodeName;
  return newestFirst(pods).find((pod) =>
    node ? pod.spec.nodeName === node : !pod.metadata.labels?.[MIGRATION_JOB_LABEL],
  );
}

/** The pod made for this migration, if it still exists. */
export function targetPodOf(migrationUid: string, pods: readonly LauncherPod[]): LauncherPod | undefined {
  return newestFirst(pods).find((pod) => pod.metadata.labels?.[MIGRATION_JOB_LABEL] === migrationUid);
}

/** The image error that keeps a pod from starting: ErrImagePull, ImagePullBackOff and their kin. */
export function imageError(pod: LauncherPod): { readonly reason: string; readonly message: string } | undefined {
  for (const status of [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]) {
    const waiting = status.state?.waiting;
    if (waiting?.reason === 'ErrImagePull' || waiting?.reason === 'ImagePullBackOff') {
      return { reason: waiting.reason, message: waiting.message ?? '' };
    }
  }
  return undefined;
}

/** The scheduler's verdict, when it found no node. */
export function unschedulable(pod: LauncherPod) {
  const condition = conditionOf(pod.status?.conditions, 'PodScheduled');
  return condition?.status === 'False' && condition.reason === 'Unschedulable' ? condition : undefined;
}

function newestFirst(pods: readonly LauncherPod[]): LauncherPod[] {
  return [...pods].sort((a, b) =>
    (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
  );
}
