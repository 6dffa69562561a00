// What is due for a guest whose machine is to be left.
// Promises: pure. A guest is never stopped to please a drain unless another machine can take it at once; while none can, it
// runs on where it is and says why.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import {
  isInstanceOver,
  isMigrationOver,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { isBeingDeleted, labelOf } from '../api/meta.ts';
import { requirementOf, subscribers, type Requirement, type Verdict } from '../matching/subscribe.ts';
import { explain } from '../matching/words.ts';
import { lastAttempt, openAttempt, type Attempt } from '../model/job.ts';
import { labels, managedBy } from '../model/names.ts';
import { targetOf, type Pool } from '../model/pool.ts';
import { isPinned } from '../render/virtual-machine.ts';

export interface EvacuationSettings {
  /** A migration whose target pod is not ready after this long is given up. */
  readonly targetReadyMs: number;
  /** A target on which a migration failed is not tried again for this long, doubling with each failure there. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

export interface EvacuationInput {
  readonly job: ComputeJob;
  readonly vmi: VirtualMachineInstance;
  readonly migrations: readonly VirtualMachineInstanceMigration[];
  readonly pool: Pool;
  readonly nowMs: number;
  readonly settings: EvacuationSettings;
}

export type EvacuationDecision =
  | {
      readonly kind: 'migrate';
      readonly attempt: Attempt;
      readonly name: string;
      readonly target: string;
      readonly message: string;
    }
  | { readonly kind: 'cancel'; readonly migration: VirtualMachineInstanceMigration; readonly message: string }
  | { readonly kind: 'recreate'; readonly attempt: Attempt; readonly target: string; readonly message: string }
  | {
      readonly kind: 'stay';
      readonly reason: 'NoMachineForGuest' | 'StillPinned' | 'MigrationFailed';
      readonly message: string;
      readonly retryInMs?: number | undefined;
    }
  | { readonly kind: 'settled'; readonly message: string }
  | { readonly kind: 'record'; readonly migration: VirtualMachineInstanceMigration; readonly attempt: Attempt }
  | { readonly kind: 'wait'; readonly retryInMs?: number | undefined };

export function evacuate(input: EvacuationInput): EvacuationDecision {
  const { job, vmi, migrations, nowMs, settings } = input;
  const last = lastAttempt(job);
  if (!last || isBeingDeleted(job) || isBeingDeleted(vmi)) return { kind: 'wait' };
  // Also after the end of the job: a guest may finish right after its move.
  const unrecorded = migrations.find((migration) => isOurs(migration) && isNews(job, migration));
  if (unrecorded) return { kind: 'record', migration: unrecorded, attempt: last };
  const attempt = openAttempt(job);
  if (!attempt || isInstanceOver(vmi)) return { kind: 'wait' };
  const running = migrations.find((migration) => !isMigrationOver(migration));
  if (running) return watchOver(running, nowMs, settings);
  if (!vmi.status?.evacuationNodeName) {
    const active = getCondition(job.status?.conditions, 'Interrupted')?.status === 'True';
    return active ? { kind: 'settled', message: `the guest runs on ${vmi.status?.nodeName}` } : { kind: 'wait' };
  }
  return leave(input, attempt);
}

function leave(input: EvacuationInput, attempt: Attempt): EvacuationDecision {
  const { job, vmi, migrations, pool, nowMs, settings } = input;
  const source = vmi.status?.nodeName ?? attempt.node;
  const canMove = getCondition(vmi.status?.conditions, 'LiveMigratable');
  const live = canMove?.status === 'True';
  const resting = restingTargets(migrations, nowMs, settings);
  const wanted = requirementFor(job, vmi, pool, { live, nowMs, resting: resting.targets });
  const others: Pool = { ...pool, machines: pool.machines.filter(({ name }) => name !== source) };
  const preferred = (job.status?.subscribers ?? []).map(({ node }) => node);
  const verdict = subscribers(others, wanted, { nowMs, preferred });
  const target = verdict.fitting[0]?.machine.name;
  if (target === undefined) return stayBecause(job, wanted, verdict, source, resting.nextMs, nowMs);
  if (!live) {
    const why = canMove?.message ?? 'the guest cannot move while it runs';
    return {
      kind: 'recreate',
      attempt,
      target,
      message: `${source} is drained and ${lowerFirst(why)}; it is made anew elsewhere`,
    };
  }
  if (isPinned(vmi.spec.affinity)) {
    return {
      kind: 'stay',
      reason: 'StillPinned',
      message: `the guest is still bound to ${source}; it is being released`,
      retryInMs: 1_000,
    };
  }
  const name = nextName(vmi.metadata.name, migrations);
  return { kind: 'migrate', attempt, name, target, message: `${source} is drained; moving to ${target}` };
}

function watchOver(
  migration: VirtualMachineInstanceMigration,
  nowMs: number,
  { targetReadyMs }: EvacuationSettings,
): EvacuationDecision {
  const phase = migration.status?.phase ?? 'Pending';
  const early = phase === '' || phase === 'Pending' || phase === 'Scheduling';
  if (!early || !isOurs(migration) || isBeingDeleted(migration)) return { kind: 'wait' };
  const left = Date.parse(migration.metadata.creationTimestamp ?? '') + targetReadyMs - nowMs;
  if (left > 0) return { kind: 'wait', retryInMs: left };
  return {
    kind: 'cancel',
    migration,
    message: `its target was not ready within ${Math.round(targetReadyMs / 1000)} s`,
  };
}

function stayBecause(
  job: ComputeJob,
  wanted: Requirement,
  verdict: Verdict,
  source: string,
  nextMs: number | undefined,
  nowMs: number,
): EvacuationDecision {
  const { waiting } = explain(job, wanted, verdict, 1);
  const reasons = (waiting.reasons ?? [])
    .filter(({ reason }) => reason !== 'NotApproved')
    .map(({ reason, machines, message }) =>
      reason === 'HeldAgainst'
        ? `${machines} failed a migration a short while ago`
        : `${machines} ${reason} (${message})`,
    );
  const others = reasons.length === 0 ? 'there is no other machine' : `of the other machines ${reasons.join(', ')}`;
  return {
    kind: 'stay',
    reason: 'NoMachineForGuest',
    message: `${source} is to be left, but no machine can take the guest, which runs on: ${others}`,
    retryInMs: nextMs === undefined ? undefined : nextMs - nowMs,
  };
}

/** A guest that moves keeps its processor model, vendor and board; one that is made anew is as free as at first. */
function requirementFor(
  job: ComputeJob,
  vmi: VirtualMachineInstance,
  pool: Pool,
  o: { live: boolean; nowMs: number; resting: ReadonlySet<string> },
): Requirement {
  const base = requirementOf(job, { nowMs: o.nowMs, holdDownMs: 0 });
  if (!o.live) return base;
  const source = pool.machines.find(({ name }) => name === vmi.status?.nodeName);
  const running = {
    cpuModel: namedModel(vmi.spec.domain.cpu?.model),
    cpuVendor: source?.cpuVendors[0],
    machineType: vmi.status?.machine?.type,
  };
  return { ...base, running, heldAgainst: o.resting };
}

function namedModel(model: string | undefined): string | undefined {
  return model === 'host-model' || model === 'host-passthrough' ? undefined : model;
}

/** Targets on which migrations of this guest failed, and when the first of them may be tried again. */
function restingTargets(
  migrations: readonly VirtualMachineInstanceMigration[],
  nowMs: number,
  { retryBaseMs, retryMaxMs }: EvacuationSettings,
): { targets: Set<string>; nextMs: number | undefined } {
  const failures = new Map<string, { count: number; lastMs: number }>();
  for (const migration of migrations) {
    if (migration.status?.phase !== 'Failed') continue;
    const target = targetOf(migration, undefined);
    if (target === undefined) continue;
    const before = failures.get(target) ?? { count: 0, lastMs: 0 };
    failures.set(target, { count: before.count + 1, lastMs: Math.max(before.lastMs, endOf(migration)) });
  }
  const resting = [...failures].flatMap(([target, { count, lastMs }]) => {
    const untilMs = lastMs + Math.min(retryMaxMs, retryBaseMs * 2 ** (count - 1));
    return untilMs > nowMs ? [{ target, untilMs }] : [];
  });
  return {
    targets: new Set(resting.map(({ target }) => target)),
    nextMs: resting.length === 0 ? undefined : Math.min(...resting.map(({ untilMs }) => untilMs)),
  };
}

function endOf({ status, metadata }: VirtualMachineInstanceMigration): number {
  const failed = status?.phaseTransitionTimestamps?.find(({ phase }) => phase === 'Failed')?.phaseTransitionTimestamp;
  return Date.parse(failed ?? status?.migrationState?.endTimestamp ?? metadata.creationTimestamp ?? '');
}

/** `<vm>-m<n>`: after those that are still known; KubeVirt keeps the last five. */
function nextName(vm: string, migrations: readonly VirtualMachineInstanceMigration[]): string {
  const numbers = migrations.map(({ metadata }) => Number(/-m(\d+)$/.exec(metadata.name)?.[1] ?? 0));
  return `${vm}-m${Math.max(0, ...numbers) + 1}`;
}

function isOurs(migration: VirtualMachineInstanceMigration): boolean {
  return labelOf(migration, labels.managedBy) === managedBy;
}

/** It has ended well and the ledger does not have it. */
function isNews(job: ComputeJob, migration: VirtualMachineInstanceMigration): boolean {
  return (
    migration.status?.phase === 'Succeeded' &&
    !(job.status?.interruptions ?? []).some((entry) => entry.migration === migration.metadata.name)
  );
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
