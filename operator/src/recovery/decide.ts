// What is due for one machine: declared lost, sealed, cleaned of what cannot run there any more, or welcomed back.
// Promises: pure. A lost machine is tainted before anything on it is touched, or the scheduler would put replacements on it. Where
// an agent keeps a lease, that is sealed next, and only then is anything given up that must not run twice. Then migrations from
// and to the machine end, its launcher pods go, and the attempts on it are over.

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
import { isLost } from '../model/machine.ts';
import { labels } from '../model/names.ts';
import { targetOf } from '../model/pool.ts';
import { lostAfter, type Hearing, type Patience } from './leases.ts';

export interface RecoveryInput {
  readonly machine: string;
  /** Undefined: its Node object was deleted, which says that the machine is gone for good. */
  readonly node: Node | undefined;
  readonly hearing: Hearing;
  /** The API server cannot be heard, so silence means nothing. */
  readonly blind: boolean;
  readonly patience: Patience;
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
  /** Of the lease that its agent keeps, as it was seen; what follows is decided once that is done. */
  | { readonly kind: 'seal' }
  | { readonly kind: 'endMigration'; readonly migration: VirtualMachineInstanceMigration }
  | { readonly kind: 'removePod'; readonly pod: Pod }
  | { readonly kind: 'endAttempt'; readonly job: ComputeJob; readonly attempt: Attempt; readonly message: string }
  | { readonly kind: 'lookAgain'; readonly afterMs: number };

/** A lost machine on which nothing is left to do is news only when something about it changes. */
const calmMs = 60_000;

/** @param held asked for only when the machine is lost, or nobody says that it is in the pool. */
export function recoverMachine(input: RecoveryInput, held: () => Held): RecoveryDecision[] {
  const { machine, node, hearing, patience, blind } = input;
  if (!node) return removed(input, held());
  const tainted = isLost(node);
  if (!tainted && !isOurs(node, held)) return [];
  const { agent, silentMs, renewed, lookAgainInMs } = hearing;
  const verdictMs = lostAfter(hearing, patience);
  const taint: RecoveryDecision[] = tainted ? [] : [{ kind: 'taint' }];
  // A sealed lease is a verdict that stands, whoever spoke it, until an agent holds it anew.
  if (agent?.sealed) return [...taint, ...given(cleared(machine, wordsOf(input), held()), taint)];
  // A process that restarts often never watches for the whole time. The node controller did, and by a longer measure.
  const silent = silentMs >= verdictMs || (!agent && !renewed && isGivenUp(node));
  if (tainted && renewed && !silent)
    return isTrue(node.status?.conditions, 'Ready') ? [{ kind: 'untaint' }] : lookAgain(1_000);
  if (!tainted && !silent) return lookAgain(lookAgainInMs ?? verdictMs - silentMs);
  if (blind && (!tainted || agent)) return lookAgain(1_000);
  // A taint that we find is the verdict of our predecessor, and stands until the machine is heard again.
  if (!agent) return [...taint, ...given(cleared(machine, wordsOf(input), held()), taint)];
  const shared = silent ? endsOf(machine, wordsOf(input), held(), isShared) : [];
  const leftMs = verdictMs + patience.leaseMarginMs - silentMs;
  return [...taint, ...shared, ...(leftMs > 0 ? lookAgain(leftMs) : [{ kind: 'seal' } as const])];
}

/** What has never been in the pool is not ours to taint; what was thrown out of it, in whatever way, may still have guests. */
function isOurs({ metadata: { labels: own } }: Node, held: () => Held): boolean {
  const approved = own?.[labels.approved];
  return approved === 'true' || approved === 'revoked' || held().jobs.length > 0;
}

/**
 * Its Node is gone, but that alone kills no guest: an agent that is cut off has not heard of it. Its lease is sealed at once, so
 * that it cannot be renewed any more, and what it may still run is waited for.
 */
function removed({ machine, hearing, patience, blind }: RecoveryInput, held: Held): RecoveryDecision[] {
  const due = cleared(machine, `the Node object of ${machine} was deleted`, held);
  const { agent, maybeAgent, silentMs } = hearing;
  if (due.length === 0 || (!agent && maybeAgent !== true)) return due;
  if (blind) return lookAgain(1_000);
  if (agent && !agent.sealed) return [{ kind: 'seal' }];
  const longestMs = agent ? lostAfter(hearing, patience) : patience.leaseDurationMs;
  const leftMs = longestMs + patience.leaseMarginMs - silentMs;
  return leftMs > 0 ? lookAgain(leftMs) : due;
}

/** What is to be done, and when to look whether it was enough. */
function given(due: readonly RecoveryDecision[], taint: readonly RecoveryDecision[]): RecoveryDecision[] {
  return [...due, ...lookAgain(due.length + taint.length > 0 ? 2_000 : calmMs)];
}

function wordsOf({ machine, hearing, patience }: RecoveryInput): string {
  const silence = `it has not renewed its lease for ${Math.round(lostAfter(hearing, patience) / 1000)} s`;
  return `${machine} was lost: ${silence}${hearing.agent?.sealed ? ', which is sealed now' : ''}`;
}

const isShared = ({ spec }: ComputeJob): boolean => !spec.interruption.exclusive;

function cleared(machine: string, why: string, held: Held): RecoveryDecision[] {
  const { pods, migrations } = held;
  const instances = instancesOf(held);
  const touching = migrations.filter((migration) => {
    if (isMigrationOver(migration) || isBeingDeleted(migration)) return false;
    const vmi = instances.get(`${migration.metadata.namespace}/${migration.spec.vmiName}`);
    return vmi?.status?.nodeName === machine || targetOf(migration, vmi) === machine;
  });
  const stuck = pods.filter(
    ({ spec, status }) => spec.nodeName === machine && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  // The ends first: once its pod is removed, a guest looks like one that somebody took away.
  return [
    ...endsOf(machine, why, held, () => true),
    ...touching.map((migration) => ({ kind: 'endMigration', migration }) as const),
    ...stuck.map((pod) => ({ kind: 'removePod', pod }) as const),
  ];
}

/** The ends of those attempts that are on the machine. */
function endsOf(machine: string, why: string, held: Held, of: (job: ComputeJob) => boolean): RecoveryDecision[] {
  const instances = instancesOf(held);
  return held.jobs.filter(of).flatMap((job): RecoveryDecision[] => {
    const attempt = openAttempt(job);
    if (!attempt || isBeingDeleted(job)) return [];
    const vmi = instances.get(`${job.metadata.namespace}/${attempt.virtualMachine}`);
    if ((vmi?.status?.nodeName ?? attempt.node) !== machine) return [];
    const words = vmi && isInstanceOver(vmi) ? ' with the result of the guest that had ended there' : '';
    return [{ kind: 'endAttempt', job, attempt, message: `${why}${words}` }];
  });
}

function instancesOf({ vmis }: Held): ReadonlyMap<string, VirtualMachineInstance> {
  return new Map(vmis.map((vmi) => [`${vmi.metadata.namespace}/${vmi.metadata.name}`, vmi]));
}

/** The node controller has not heard the kubelet for its grace period (pkg/controller/nodelifecycle in Kubernetes). */
function isGivenUp(node: Node): boolean {
  return getCondition(node.status?.conditions, 'Ready')?.status === 'Unknown';
}

function lookAgain(afterMs: number): RecoveryDecision[] {
  return [{ kind: 'lookAgain', afterMs }];
}
