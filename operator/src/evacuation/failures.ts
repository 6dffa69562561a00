// What moves of a guest failed, why, and how long that keeps it from the next try.
// Promises: pure; the pauses follow from the ledger in the job's status, so that a restart forgets none and repeats none.

import { getCondition, isTrue } from '../api/conditions.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Pod } from '../api/kubernetes.ts';
import {
  isInstanceOver,
  type MigrationState,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { isBeingDeleted, labelOf } from '../api/meta.ts';

export interface RetrySettings {
  /** Pause after a failed move, doubling with each further one, ms. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

export interface Pauses {
  /** Machines that are not tried now, as a move there failed. */
  readonly resting: ReadonlySet<string>;
  /** When the first of them may be tried again, ms since the epoch. */
  readonly restUntilMs?: number | undefined;
  /** Until when nothing is tried: the moves failed wherever they went. */
  readonly pausedUntilMs?: number | undefined;
}

/** The moves of the attempt that failed since it last moved well. */
export function pausesOf(job: ComputeJob, attempt: number, nowMs: number, settings: RetrySettings): Pauses {
  const moves = (job.status?.interruptions ?? []).filter(
    (entry) => entry.attempt === attempt && entry.rung === 'Migrate',
  );
  const sinceGood = moves.slice(moves.findLastIndex(({ reason }) => reason !== 'MigrationFailed') + 1);
  const pause = (count: number): number => Math.min(settings.retryMaxMs, settings.retryBaseMs * 2 ** (count - 1));
  const byTarget = new Map<string, { count: number; lastMs: number }>();
  for (const { toNode = '', at } of sinceGood) {
    byTarget.set(toNode, { count: (byTarget.get(toNode)?.count ?? 0) + 1, lastMs: Date.parse(at) });
  }
  const resting = [...byTarget].flatMap(([target, { count, lastMs }]) => {
    const untilMs = lastMs + pause(count);
    return untilMs > nowMs ? [{ target, untilMs }] : [];
  });
  const last = sinceGood.at(-1);
  // The first failure may be the target's, and another one is tried at once; from the second on it may be the guest's.
  const pausedUntilMs = last && sinceGood.length > 1 ? Date.parse(last.at) + pause(sinceGood.length - 1) : undefined;
  return {
    resting: new Set(resting.map(({ target }) => target)),
    restUntilMs: resting.length === 0 ? undefined : Math.min(...resting.map(({ untilMs }) => untilMs)),
    pausedUntilMs: pausedUntilMs !== undefined && pausedUntilMs > nowMs ? pausedUntilMs : undefined,
  };
}

/** What KubeVirt tells of this migration: the instance has it first, the migration keeps it. */
export function stateOf(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance | undefined,
): MigrationState | undefined {
  const own = migration.status?.migrationState;
  const current = vmi?.status?.migrationState;
  return own?.endTimestamp === undefined && current?.migrationUid === migration.metadata.uid ? current : own;
}

/** The guest's memory is on its way: a call-off would throw work away, and comes too late soon. */
export function isCopying(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance | undefined,
): boolean {
  return migration.status?.phase === 'Running' || stateOf(migration, vmi)?.startTimestamp !== undefined;
}

/** Why an ended migration failed, as a clause. */
export function failureWords(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance | undefined,
  pods: readonly Pod[],
): string {
  const { status } = migration;
  if (!vmi || isInstanceOver(vmi) || isBeingDeleted(vmi)) return 'the guest ended before it had moved';
  const { failureReason, abortStatus } = stateOf(migration, vmi) ?? {};
  if (failureReason) return failureReason;
  if (isTrue(status?.conditions, 'migrationAbortRequested') || abortStatus !== undefined) return 'it was called off';
  if (isTrue(status?.conditions, 'migrationRejectedByResourceQuota')) {
    return stuckWords(migration, vmi, pods);
  }
  const reached = (phase: string): boolean =>
    status?.phaseTransitionTimestamps?.some((entry) => entry.phase === phase) ?? false;
  if (reached('Scheduling') && !reached('Scheduled')) return stuckWords(migration, vmi, pods);
  if (reached('Scheduled')) return 'its target pod ended before the copy began';
  return 'it ended before KubeVirt had made a target pod';
}

/** Why a migration has not got a ready target pod, as a clause. KubeVirt itself is silent about most of these. */
export function stuckWords(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance,
  pods: readonly Pod[],
): string {
  if (isTrue(migration.status?.conditions, 'migrationRejectedByResourceQuota')) {
    const message = getCondition(migration.status?.conditions, 'migrationRejectedByResourceQuota')?.message;
    return `a resource quota of ${migration.metadata.namespace} leaves no room for its target pod${message ? `: ${message}` : ''}`;
  }
  const target = pods.find((pod) => labelOf(pod, 'kubevirt.io/migrationJobUID') === migration.metadata.uid);
  if (target) {
    const scheduled = getCondition(target.status?.conditions, 'PodScheduled');
    if (scheduled?.status === 'False') {
      return `the scheduler does not place its target pod: ${scheduled.message ?? scheduled.reason ?? 'no reason given'}`;
    }
    return `its target pod ${target.metadata.name} does not get ready`;
  }
  if ((migration.status?.phase ?? 'Pending') !== 'Pending') return 'its target pod could not be placed in time';
  const living = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const source = living.find(({ spec }) => spec.nodeName === vmi.status?.nodeName);
  const left = living.find((pod) => pod !== source);
  if (left) return `the launcher pod ${left.metadata.name} of an earlier try is still there`;
  const undigested = source?.status?.initContainerStatuses?.some(
    ({ name, imageID }) => name.startsWith('volume') && !imageID?.includes('@sha256:'),
  );
  return undigested
    ? 'the machine does not tell the digest of the guest image, without which KubeVirt makes no target pod'
    : 'KubeVirt made no target pod for it';
}
