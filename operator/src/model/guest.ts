// Where a guest is and what it takes there, put together from all that is known of it.
// Promises: pure; a claim counts before its virtual machine exists, a virtual machine counts when its job is gone, during a
// migration both ends count, and a launcher pod counts until it has ended, so that no machine is promised twice after a restart
// either.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Pod } from '../api/kubernetes.ts';
import {
  isInstanceOver,
  isMigrationOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { needsOfGuest, needsOfJob, needsOfVm, type Amount } from './capacity.ts';
import { durationMs } from './duration.ts';
import { openAttempt, type Attempt } from './job.ts';
import { labels, vmName } from './names.ts';

export interface PlacedGuest {
  /** namespace/name of its virtual machine. */
  readonly key: string;
  /** namespace/name of its job. */
  readonly job?: string | undefined;
  readonly needs: Amount;
  /**
   * By its job's walltime, from its start in the guest or else from the claim, or by the notice that it was given; ms since the
   * epoch; undefined when nobody knows; 0 when it is on its way out: its attempt has ended, or only its launcher has not.
   */
  readonly endsAtMs?: number | undefined;
  /** As its job asks for, Low 0 to Urgent 3; what its namespace may have is not looked at. */
  readonly priority: number;
}

/** All that is known under the key of one virtual machine. */
export interface GuestObjects {
  readonly key: string;
  /** The job whose open attempt has this virtual machine. */
  readonly job: ComputeJob | undefined;
  readonly vm: VirtualMachine | undefined;
  readonly vmi: VirtualMachineInstance | undefined;
  readonly migrations: readonly VirtualMachineInstanceMigration[];
  /** Its launcher pods. */
  readonly launchers: readonly Pod[];
}

export interface Place {
  readonly guest: PlacedGuest;
  /** Usually one; both ends of a migration; where a launcher is that goes on after its guest. Without repetition. */
  readonly nodes: readonly string[];
}

const priorities = { Low: 0, Normal: 1, High: 2, Urgent: 3 } as const;

/** Undefined when it takes nothing: it has ended, or is nowhere. */
export function placeOf({ key, job, vm, vmi, migrations, launchers }: GuestObjects): Place | undefined {
  // A job that is being deleted, however long that takes, holds no more than what is left of its guest.
  const attempt = job && !isBeingDeleted(job) ? openAttempt(job) : undefined;
  const nodes = new Set(launchers.flatMap((pod) => (holdsItsNode(pod) ? (pod.spec.nodeName ?? []) : [])));
  const node = nodeOf(vm, vmi, attempt);
  const isOver = vmi !== undefined && isInstanceOver(vmi);
  if (node !== undefined && !isOver) {
    nodes.add(node);
    for (const migration of migrations) {
      const target = isMigrationOver(migration) ? undefined : targetOf(migration, vmi);
      if (target !== undefined) nodes.add(target);
    }
  }
  const needs = needsOf(job, vm, vmi);
  if (nodes.size === 0 || !needs) return undefined;
  const jobKey = job ? `${job.metadata.namespace}/${job.metadata.name}` : labelledJob(vmi ?? vm);
  const isLeaving = isOver || (attempt === undefined && jobKey !== undefined);
  const endsAtMs = isLeaving ? 0 : attempt && job && endOf(job, attempt);
  return {
    guest: {
      key,
      ...(jobKey === undefined ? {} : { job: jobKey }),
      needs,
      ...(endsAtMs === undefined ? {} : { endsAtMs }),
      priority: priorities[job?.spec.priority ?? 'Normal'],
    },
    nodes: [...nodes],
  };
}

/** The scheduler counts what a pod asks for until then, also while it is being deleted. */
function holdsItsNode({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

/** namespace/name of the virtual machine whose launcher this is; undefined for a pod of somebody else. */
export function guestOfLauncher({ metadata }: Pod): string | undefined {
  const { [labels.job]: job, [labels.attempt]: attempt } = metadata.labels ?? {};
  if (job === undefined || attempt === undefined) return undefined;
  return `${metadata.namespace}/${vmName(job, Number(attempt))}`;
}

/** namespace/name of the virtual machine of the job's open attempt. */
export function claimedKey(job: ComputeJob): string | undefined {
  const attempt = openAttempt(job);
  return attempt && `${job.metadata.namespace}/${attempt.virtualMachine}`;
}

/** Where a migration goes, as far as it is known. */
export function targetOf(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance | undefined,
): string | undefined {
  const state = vmi?.status?.migrationState;
  const own = state?.migrationUid === migration.metadata.uid ? state?.targetNode : undefined;
  return own ?? migration.spec.addedNodeSelector?.[labels.hostname];
}

function nodeOf(
  vm: VirtualMachine | undefined,
  vmi: VirtualMachineInstance | undefined,
  attempt: Attempt | undefined,
): string | undefined {
  if (vmi?.status?.nodeName) return vmi.status.nodeName;
  if (attempt) return attempt.node;
  // Nobody claims it any more, but its launcher can still come up where it was pinned to, unless it is powered off.
  const canStart = vm !== undefined && !isBeingDeleted(vm) && vm.spec.runStrategy !== 'Halted';
  return canStart ? pinnedNode(vm) : undefined;
}

function needsOf(
  job: ComputeJob | undefined,
  vm: VirtualMachine | undefined,
  vmi: VirtualMachineInstance | undefined,
): Amount | undefined {
  if (vm) return needsOfVm(vm);
  if (vmi) return needsOfGuest(vmi.spec, vmi.metadata.annotations);
  return job && needsOfJob(job.spec);
}

function pinnedNode(vm: VirtualMachine): string | undefined {
  const required = vm.spec.template.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const hosts = (required?.nodeSelectorTerms ?? []).flatMap(({ matchExpressions }) =>
    (matchExpressions ?? []).flatMap(({ key, values }) => (key === labels.hostname ? (values ?? []) : [])),
  );
  return hosts.length === 1 ? hosts[0] : undefined;
}

function endOf(job: ComputeJob, { started, claimed, secondsStill = 0 }: Attempt): number | undefined {
  const { walltime, startDeadline } = job.spec;
  // Its walltime begins with its start, for which it has time until the deadline.
  const from = started === undefined ? Date.parse(claimed ?? '') + durationMs(startDeadline) : Date.parse(started);
  const byWalltime =
    walltime === undefined || Number.isNaN(from) ? undefined : from + durationMs(walltime) + secondsStill * 1000;
  const notice = job.status?.preemption?.at;
  return notice === undefined ? byWalltime : Math.min(Date.parse(notice), byWalltime ?? Infinity);
}

function labelledJob(object: VirtualMachine | VirtualMachineInstance | undefined): string | undefined {
  const job = object?.metadata.labels?.[labels.job];
  return job === undefined ? undefined : `${object?.metadata.namespace}/${job}`;
}
