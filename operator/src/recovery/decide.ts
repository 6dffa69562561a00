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
import type { Hearing } from './leases.ts';

export interface RecoveryInput {
  readonly machine: string;
  /** Undefined: its Node object was deleted, which says that the machine is gone for good. */
  readonly node: Node | undefined;
  readonly hearing: Hearing;
  /** The API server cannot be heard, so silence means nothing. */
  readonly blind: boolean;
  readonly lostAfterMs: number;
}

/** What there is on one machine, or touches it. */
export interface Held {
  readonly jobs: readonly ComputeJob[];
  /** Of these jobs and migrations, wherever they run. */
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

/** A lost machine on which nothing is left to do is news only when something about it changes. */
const calmMs = 60_000;

/** @param held asked for only when the machine is lost. */
export function recoverMachine(input: RecoveryInput, held: () => Held): RecoveryDecision[] {
  const { machine, node, hearing, lostAfterMs, blind } = input;
  if (!node) return cleared(machine, `the Node object of ${machine} was deleted`, held());
  // Approved machines only: what has never been in the pool is not ours to taint.
  if (node.metadata.labels?.[labels.approved] !== 'true') return [];
  const tainted = (node.spec?.taints ?? []).some(({ key }) => key === taints.lost);
  const { silentMs, renewed, lookAgainInMs } = hearing;
  // A process that restarts often never watches for the whole time. The node controller did, and by a longer measure.
  const silent = silentMs >= lostAfterMs || (!renewed && isGivenUp(node));
  if (tainted && renewed && !silent)
    return isTrue(node.status?.conditions, 'Ready') ? [{ kind: 'untaint' }] : lookAgain(1_000);
  // A taint that we find is the verdict of our predecessor, and stands until the machine is heard again.
  if (!tainted && !silent) return lookAgain(lookAgainInMs ?? lostAfterMs - silentMs);
  if (blind && !tainted) return lookAgain(1_000);
  const why = `${machine} was lost: it has not renewed its lease for ${Math.round(lostAfterMs / 1000)} s`;
  const due = [...(tainted ? [] : [{ kind: 'taint' } as const]), ...cleared(machine, why, held())];
  return [...due, ...lookAgain(due.length > 0 ? 2_000 : calmMs)];
}

function cleared(machine: string, why: string, { jobs, vmis, pods, migrations }: Held): RecoveryDecision[] {
  const instances = new Map(vmis.map((vmi) => [`${vmi.metadata.namespace}/${vmi.metadata.name}`, vmi]));
  const touching = migrations.filter((migration) => {
    if (isMigrationOver(migration) || isBeingDeleted(migration)) return false;
    const vmi = instances.get(`${migration.metadata.namespace}/${migration.spec.vmiName}`);
    return vmi?.status?.nodeName === machine || targetOf(migration, vmi) === machine;
  });
  const stuck = pods.filter(
    ({ spec, status }) => spec.nodeName === machine && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  const ended = jobs.flatMap((job): RecoveryDecision[] => {
    const attempt = openAttempt(job);
    if (!attempt || isBeingDeleted(job)) return [];
    const vmi = instances.get(`${job.metadata.namespace}/${attempt.virtualMachine}`);
    if ((vmi?.status?.nodeName ?? attempt.node) !== machine) return [];
    const words = vmi && isInstanceOver(vmi) ? ' with the result of the guest that had ended there' : '';
    return [{ kind: 'endAttempt', job, attempt, message: `${why}${words}` }];
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
