// What is due for one machine: declared lost, cleaned of what cannot run there any more, or welcomed back.
// Promises: pure. A lost machine is tainted before anything on it is touched, or the scheduler would put replacements on it;
// then migrations from and to it end, its launcher pods go, and the attempts on it are over.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Node, Pod } from '../api/kubernetes.ts';
import {
  isInstanceOver,
  isMigrationOver,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { getCondition, isTrue } from '../api/conditions.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { openAttempt, type Attempt } from '../model/job.ts';
import { labels, taints } from '../model/names.ts';
import { targetOf } from '../model/pool.ts';

export interface RecoveryInput {
  readonly node: Node;
  /** Since the machine's lease was last seen to change, ms. */
  readonly silentMs: number;
  /** Its lease changed at least once while this process watched. */
  readonly renewed: boolean;
  /** The API server cannot be heard, so silence means nothing. */
  readonly blind: boolean;
  readonly lostAfterMs: number;
  readonly jobs: readonly ComputeJob[];
  readonly vmis: readonly VirtualMachineInstance[];
  readonly pods: readonly Pod[];
  readonly migrations: readonly VirtualMachineInstanceMigration[];
}

export type RecoveryDecision =
  | { readonly kind: 'taint' }
  | { readonly kind: 'untaint' }
  | { readonly kind: 'endMigration'; readonly migration: VirtualMachineInstanceMigration }
  | { readonly kind: 'removePod'; readonly pod: Pod }
  | { readonly kind: 'endAttempt'; readonly job: ComputeJob; readonly attempt: Attempt; readonly message: string }
  | { readonly kind: 'lookAgain'; readonly afterMs: number };

export function recoverMachine(input: RecoveryInput): RecoveryDecision[] {
  const { node, silentMs, renewed, lostAfterMs, blind } = input;
  // Approved machines only: what has never been in the pool is not ours to taint.
  if (node.metadata.labels?.[labels.approved] !== 'true') return [];
  const tainted = (node.spec?.taints ?? []).some(({ key }) => key === taints.lost);
  // A process that restarts often never watches for the whole time. The node controller did, and by a longer measure.
  const silent = silentMs >= lostAfterMs || (!renewed && isGivenUp(node));
  if (tainted && renewed && !silent)
    return isTrue(node.status?.conditions, 'Ready') ? [{ kind: 'untaint' }] : lookAgain(1_000);
  // A taint that we find is the verdict of our predecessor, and stands until the machine is heard again.
  if (!tainted && !silent) return lookAgain(lostAfterMs - silentMs);
  if (blind && !tainted) return lookAgain(1_000);
  return [...(tainted ? [] : [{ kind: 'taint' } as const]), ...cleared(input), ...lookAgain(2_000)];
}

function cleared({ node, jobs, vmis, pods, migrations, lostAfterMs }: RecoveryInput): RecoveryDecision[] {
  const machine = node.metadata.name;
  const instanceOf = (namespace: string | undefined, name: string): VirtualMachineInstance | undefined =>
    vmis.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  const touching = migrations.filter((migration) => {
    if (isMigrationOver(migration) || isBeingDeleted(migration)) return false;
    const vmi = instanceOf(migration.metadata.namespace, migration.spec.vmiName);
    return vmi?.status?.nodeName === machine || targetOf(migration, vmi) === machine;
  });
  const stuck = pods.filter(
    ({ spec, status }) => spec.nodeName === machine && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  const ended = jobs.flatMap((job): RecoveryDecision[] => {
    const attempt = openAttempt(job);
    if (!attempt || isBeingDeleted(job)) return [];
    const vmi = instanceOf(job.metadata.namespace, attempt.virtualMachine);
    if ((vmi?.status?.nodeName ?? attempt.node) !== machine) return [];
    const words = vmi && isInstanceOver(vmi) ? 'with the result of the guest that had ended there' : '';
    const message =
      `${machine} was lost: it has not renewed its lease for ${Math.round(lostAfterMs / 1000)} s ${words}`.trim();
    return [{ kind: 'endAttempt', job, attempt, message }];
  });
  // The ends first: once its pod is removed, a guest looks like one that somebody took away.
  return [
    ...ended,
    ...touching.map((migration) => ({ kind: 'endMigration', migration }) as const),
    ...stuck.map((pod) => ({ kind: 'removePod', pod }) as const),
  ];
}

/** The node controller has not heard the kubelet for its grace period (pkg/controller/nodelifecycle in Kubernetes). */
function isGivenUp(node: Node): boolean {
  return getCondition(node.status?.conditions, 'Ready')?.status === 'Unknown';
}

function lookAgain(afterMs: number): RecoveryDecision[] {
  return [{ kind: 'lookAgain', afterMs }];
}
