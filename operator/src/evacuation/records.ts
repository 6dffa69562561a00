// The ledger's line for a migration that has ended.
// Promises: pure; says from where to where, how long it took, how long the guest stood still, whose migration it was and, when
// it failed, why.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Pod } from '../api/kubernetes.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { annotationOf, createdAtMs } from '../api/meta.ts';
import type { Attempt, Interruption } from '../model/job.ts';
import { annotations } from '../model/names.ts';
import { targetOf } from '../model/pool.ts';
import { longestLedger } from '../model/status.ts';
import { failureWords, stateOf } from './failures.ts';
import { isOurs } from './migration.ts';

export interface EndedMigration {
  readonly migration: VirtualMachineInstanceMigration;
  readonly vmi: VirtualMachineInstance | undefined;
  readonly pods: readonly Pod[];
  readonly attempt: Attempt;
  /** RFC 3339. */
  readonly at: string;
  readonly downtimeSeconds: number | undefined;
}

export type MigrationEntry = Interruption & {
  readonly reason: 'Drained' | 'OwnerReturned' | 'Revoked' | 'Migrated' | 'MigrationFailed';
  readonly message: string;
  readonly seconds: number;
};

/** The entry says whether it went well: its reason is MigrationFailed or why the guest had to leave. */
export function entryOf(ended: EndedMigration): MigrationEntry {
  const { migration, vmi, pods, attempt, at, downtimeSeconds } = ended;
  const state = stateOf(migration, vmi);
  const good = migration.status?.phase === 'Succeeded';
  const endMs = Date.parse(state?.endTimestamp ?? phaseAt(migration, good ? 'Succeeded' : 'Failed') ?? at);
  // A failed one is counted from its making: that is how long it kept the guest from another try.
  const beginMs = good ? Date.parse(state?.startTimestamp ?? at) : (createdAtMs(migration) ?? endMs);
  const seconds = Math.max(0, endMs - beginMs) / 1000;
  const from = state?.sourceNode ?? (good ? '' : (vmi?.status?.nodeName ?? attempt.node));
  const to = state?.targetNode ?? targetOf(migration, vmi) ?? '';
  const whose = isOurs(migration) ? '' : ` by migration ${migration.metadata.name}, made by somebody else`;
  const mode = state?.mode === 'PostCopy' ? ', in post-copy mode' : '';
  const stood = downtimeSeconds === undefined ? '' : `, and stood still for ${downtimeSeconds} s of it`;
  const message = good
    ? `the guest moved from ${from} to ${to} in ${seconds} s${stood}${mode}${whose}`
    : `the guest could not be moved from ${from} to ${to || 'another machine'}${whose}${mode}: ${failureWords(migration, vmi, pods)}`;
  return {
    at,
    reason: good ? reasonOf(migration) : 'MigrationFailed',
    rung: 'Migrate',
    attempt: attempt.number,
    node: from,
    ...(to === '' ? {} : { toNode: to }),
    migration: migration.metadata.name,
    seconds,
    ...(downtimeSeconds === undefined ? {} : { downtimeSeconds }),
    message,
  };
}

/** The ledger has it, or is so full that it may have had it. */
export function isRecorded(job: ComputeJob, migration: VirtualMachineInstanceMigration): boolean {
  const ledger = job.status?.interruptions ?? [];
  if (ledger.some((entry) => entry.migration === migration.metadata.name)) return true;
  const [oldest] = ledger;
  if (!oldest || ledger.length < longestLedger) return false;
  const ended = phaseAt(migration, migration.status?.phase ?? '') ?? migration.metadata.creationTimestamp ?? '';
  return Date.parse(ended) <= Date.parse(oldest.at);
}

/** Why the guest was moved. KubeVirt marks those that it makes itself for a drained machine. */
function reasonOf(migration: VirtualMachineInstanceMigration): 'Drained' | 'OwnerReturned' | 'Revoked' | 'Migrated' {
  const own = annotationOf(migration, annotations.leaveReason);
  if (own === 'OwnerReturned' || own === 'Revoked') return own;
  return isOurs(migration) || annotationOf(migration, 'kubevirt.io/evacuationMigration') !== undefined
    ? 'Drained'
    : 'Migrated';
}

/** RFC 3339; undefined when it never was in that phase. */
export function phaseAt(migration: VirtualMachineInstanceMigration, phase: string): string | undefined {
  return migration.status?.phaseTransitionTimestamps?.find((entry) => entry.phase === phase)?.phaseTransitionTimestamp;
}
