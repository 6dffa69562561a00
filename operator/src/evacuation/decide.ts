// What is due for a guest that has to leave its machine, or had to a moment ago.
// Promises: pure. A guest is never stopped here to please a drain unless another machine can take it at once, and never to please
// an owner, which is for the ladder; while none can take it, it stays where it is and says why. What nobody wants any more is called off while it still can be.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import type { Pod } from '../api/kubernetes.ts';
import {
  isInstanceOver,
  isMigrationOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { isBeingDeleted } from '../api/meta.ts';
import type { Verdicts } from '../matching/verdicts.ts';
import { isStopped, lastAttempt, openAttempt, type Attempt } from '../model/job.ts';
import type { Machine } from '../model/machine.ts';
import type { Pool } from '../model/pool.ts';
import { isPinned } from '../render/virtual-machine.ts';
import type { LadderSettings } from '../ladder/settings.ts';
import { pausesOf, type RetrySettings } from './failures.ts';
import { leavesInMs, leavingOf, staleMark, type Leaving } from './leave.ts';
import { watchOver } from './migration.ts';
import { isRecorded } from './records.ts';
import { hasTarget, targetFor, type NoTarget } from './target.ts';
import type { Moving } from './traffic.ts';
import { turnOf, type Limits } from './turn.ts';
import type { Awaited } from './wakes.ts';

export interface EvacuationSettings extends RetrySettings {
  /** A migration whose target pod is not ready after this long is given up. */
  readonly targetReadyMs: number;
  readonly limits: Limits;
  readonly ladder: LadderSettings;
}

export interface EvacuationInput {
  readonly job: ComputeJob;
  /** Of the last attempt. */
  readonly vm: VirtualMachine | undefined;
  readonly vmi: VirtualMachineInstance | undefined;
  /** Of all attempts, with those that are gone and were not recorded. */
  readonly migrations: readonly VirtualMachineInstanceMigration[];
  /** Launcher pods of the job. */
  readonly pods: readonly Pod[];
  /** With everything taken that was decided. */
  readonly pool: Pool;
  /** Of `pool`. */
  readonly verdicts: Verdicts;
  /** The job will be told why its guest finds no machine, if it finds none; else that is not worked out. */
  readonly explain: boolean;
  /** Every guest on its way, this one among them. */
  readonly moving: readonly Moving[];
  /** False for a while after KubeVirt would not take a mark away: before 1.8 it cannot. The guest is not to wait for that. */
  readonly mayUnmark: boolean;
  /** A guest that has to leave sooner than others waits for its turn. */
  readonly urgentWaits: boolean;
  /** The machine has not been heard for a while, and may be lost soon. */
  readonly isSilent: (machine: string) => boolean;
  readonly nowMs: number;
  readonly settings: EvacuationSettings;
}

/** How soon a machine is asked about again that had fallen silent. */
const silentAgainMs = 1_000;

export type StayReason =
  'NoMachineForGuest' | 'StillPinned' | 'NotMigratable' | 'WaitingForTurn' | 'MigrationFailed' | 'Migrating';

export type EvacuationDecision =
  | {
      readonly kind: 'migrate';
      readonly attempt: Attempt;
      readonly leaving: Leaving;
      readonly name: string;
      readonly target: string;
      readonly message: string;
    }
  /** Ours, and its copy has not begun. */
  | {
      readonly kind: 'cancel';
      readonly attempt: Attempt;
      readonly migration: VirtualMachineInstanceMigration;
      readonly reason: 'MigrationFailed' | 'CalledOff';
      readonly message: string;
    }
  /** KubeVirt is told that the guest need not leave `node`. */
  | { readonly kind: 'unmark'; readonly node: string }
  | {
      readonly kind: 'recreate';
      readonly attempt: Attempt;
      readonly leaving: Leaving;
      readonly target: string;
      readonly message: string;
    }
  | {
      readonly kind: 'stay';
      readonly reason: StayReason;
      readonly cause: Leaving['reason'];
      readonly message: string;
      readonly urgent?: boolean | undefined;
      readonly retryInMs?: number | undefined;
      /** What has to be there before another look is of use; undefined when that cannot be said. */
      readonly awaits?: Awaited | undefined;
    }
  | {
      readonly kind: 'settled';
      readonly attempt: Attempt;
      readonly reason: 'Migrated' | 'CalledOff';
      readonly message: string;
    }
  | {
      readonly kind: 'record';
      readonly migration: VirtualMachineInstanceMigration;
      readonly attempt: Attempt;
      /** Why the guest still has to leave, if it does. */
      readonly leaving: Leaving | undefined;
    }
  | { readonly kind: 'wait'; readonly retryInMs?: number | undefined };

export function evacuate(input: EvacuationInput): EvacuationDecision {
  const { job, vmi, migrations, pool } = input;
  const ask = { job, nowMs: input.nowMs, settings: input.settings.ladder };
  const last = lastAttempt(job);
  if (!last || isBeingDeleted(job)) return { kind: 'wait' };
  const open = openAttempt(job);
  const machine = pool.machine(vmi?.status?.nodeName ?? last.node);
  const alive = vmi !== undefined && !isInstanceOver(vmi) && !isBeingDeleted(vmi);
  const leaving = open && alive ? leavingOf(vmi, machine, ask) : undefined;
  // Also after the end of the job: a guest may finish right after its move.
  const news = newsOf(job, migrations);
  if (news) return { kind: 'record', ...news, leaving };
  if (!open || !alive || job.status?.preemption || isStopped(job)) return { kind: 'wait' };
  // Recovery ends everything that touches a lost machine.
  if (machine?.lost) return { kind: 'wait' };
  const underWay = migrations.find(
    (migration) => migration.spec.vmiName === open.virtualMachine && !isMigrationOver(migration),
  );
  if (underWay) {
    const parking = job.status?.ladder?.parking !== undefined;
    return watchOver({ ...input, vmi, attempt: open, migration: underWay, leaving, parking });
  }
  if (leaving && isBehind(vmi, migrations)) return { kind: 'wait', retryInMs: 1_000 };
  const stale = staleMark(vmi, machine);
  if (stale !== undefined && input.mayUnmark) return { kind: 'unmark', node: stale };
  if (leaving) return leave(input, vmi, open, machine, leaving);
  const settled = settle(job, vmi, open);
  return settled.kind === 'wait' ? { kind: 'wait', retryInMs: leavesInMs(machine, ask) } : settled;
}

/**
 * Whether the instance was read before its last migration succeeded: then it is not where it seems to be, and what it seems to
 * be asked to leave it has left. Two kinds are watched apart, and one may lag the other.
 */
function isBehind(
  { metadata, status }: VirtualMachineInstance,
  migrations: readonly VirtualMachineInstanceMigration[],
): boolean {
  const last = migrations
    .filter(({ spec }) => spec.vmiName === metadata.name)
    .reduce<VirtualMachineInstanceMigration | undefined>(later, undefined);
  if (last?.status?.phase !== 'Succeeded') return false;
  const { migrationUid, completed } = status?.migrationState ?? {};
  return migrationUid !== last.metadata.uid || completed !== true;
}

function later(
  a: VirtualMachineInstanceMigration | undefined,
  b: VirtualMachineInstanceMigration,
): VirtualMachineInstanceMigration {
  return a !== undefined && numberOf(a.metadata.name) > numberOf(b.metadata.name) ? a : b;
}

/** The first migration that has ended and is not in the ledger. */
function newsOf(
  job: ComputeJob,
  migrations: readonly VirtualMachineInstanceMigration[],
): { migration: VirtualMachineInstanceMigration; attempt: Attempt } | undefined {
  for (const migration of migrations) {
    const attempt = job.status?.attempts?.find(({ virtualMachine }) => virtualMachine === migration.spec.vmiName);
    if (attempt && isMigrationOver(migration) && !isRecorded(job, migration)) return { migration, attempt };
  }
  return undefined;
}

/** Reasons of the condition Interrupted that are about leaving a machine, and end with it. */
const ours: ReadonlySet<string> = new Set<StayReason>([
  'Migrating',
  'MigrationFailed',
  'NoMachineForGuest',
  'StillPinned',
  'NotMigratable',
  'WaitingForTurn',
]);

function settle(job: ComputeJob, vmi: VirtualMachineInstance, attempt: Attempt): EvacuationDecision {
  const told = getCondition(job.status?.conditions, 'Interrupted');
  // One that stands still is told by the ladder when it goes on.
  if (job.status?.ladder?.frozen !== undefined) return { kind: 'wait' };
  if (told?.status !== 'True' || !ours.has(told.reason ?? '')) return { kind: 'wait' };
  const { migrationState: state, nodeName = attempt.node } = vmi.status ?? {};
  // KubeVirt's times are whole seconds, rounded down.
  const endedMs = Date.parse(state?.endTimestamp ?? '') + 1_000;
  const moved =
    !state?.failed && state?.targetNode === nodeName && endedMs >= Date.parse(told.lastTransitionTime ?? '');
  return moved
    ? { kind: 'settled', attempt, reason: 'Migrated', message: `the guest has moved and runs on ${nodeName}` }
    : {
        kind: 'settled',
        attempt,
        reason: 'CalledOff',
        message: `${nodeName} need not be left any more; the guest stays`,
      };
}

function leave(
  input: EvacuationInput,
  vmi: VirtualMachineInstance,
  attempt: Attempt,
  machine: Machine | undefined,
  leaving: Leaving,
): EvacuationDecision {
  const { job, migrations, pool, verdicts, explain, moving, nowMs, settings } = input;
  const live = getCondition(vmi.status?.conditions, 'LiveMigratable');
  // A guest that is still starting is not migrated, and KubeVirt has not looked yet whether it could be.
  if (vmi.status?.phase !== 'Running' || !live) return { kind: 'wait' };
  const cannot =
    live.status === 'True' ? boundBecause(input, vmi, leaving) : lowerFirst(live.message ?? 'the guest cannot move');
  if (cannot !== undefined) return anew(input, vmi, attempt, leaving, cannot);
  if (isPinned(vmi.spec.affinity)) {
    const message = `${leaving.words}; the guest is still bound to it and is being released`;
    return { kind: 'stay', reason: 'StillPinned', cause: leaving.reason, message, retryInMs: 1_000 };
  }
  const pauses = pausesOf(job, attempt.number, nowMs, settings);
  if (pauses.pausedUntilMs !== undefined) return { kind: 'wait', retryInMs: pauses.pausedUntilMs - nowMs };
  const { resting, restUntilMs } = pauses;
  const { isSilent } = input;
  const of = { job, vmi, pool, verdicts, explain, isSilent, source: leaving.from, nowMs };
  const wanted = { ...of, live: true, resting };
  const hasTurn = leaving.urgent || !input.urgentWaits;
  const later = hasTurn
    ? turnOf(leaving.from, machine?.room, moving, pool, settings.limits)
    : 'guests that have to leave sooner come first';
  // Nobody waits for a turn who has nowhere to go.
  if (later !== undefined && hasTarget(wanted)) {
    const message = `${leaving.words}, and ${later}; the guest ${goesOn(job)}`;
    const awaits: Awaited | undefined = hasTurn ? { kind: 'turn', from: leaving.from } : undefined;
    return { kind: 'stay', reason: 'WaitingForTurn', cause: leaving.reason, message, urgent: leaving.urgent, awaits };
  }
  const target = targetFor(wanted);
  if (target.machine === undefined) {
    return nobody(job, leaving, target, restUntilMs === undefined ? undefined : restUntilMs - nowMs);
  }
  return {
    kind: 'migrate',
    attempt,
    leaving,
    name: nextName(job, attempt, migrations),
    target: target.machine,
    message: `${leaving.words}; moving to ${target.machine}`,
  };
}

/**
 * Why the guest will not get free of its machine while it runs: KubeVirt brings no change of the template to the instance while
 * RestartRequired stands, and with rollout strategy Stage always (vm.go in KubeVirt's virt-controller).
 */
function boundBecause(
  { vm, job, nowMs, settings }: EvacuationInput,
  vmi: VirtualMachineInstance,
  { from }: Leaving,
): string | undefined {
  if (!isPinned(vmi.spec.affinity)) return undefined;
  const restart = getCondition(vm?.status?.conditions, 'RestartRequired');
  const released = vm !== undefined && !isPinned(vm.spec.template.spec.affinity);
  if (restart?.status !== 'True' && !released) return undefined;
  // Somebody may take the change back that froze it, and a release takes a moment to arrive.
  const told = getCondition(job.status?.conditions, 'Interrupted');
  const sinceMs = told?.status === 'True' ? Date.parse(told.lastTransitionTime ?? '') : nowMs;
  if (!(nowMs - sinceMs >= settings.targetReadyMs)) return undefined;
  const why = restart?.message ?? 'a change of its template waits for the next start';
  return `KubeVirt does not release the guest from ${from} while it runs (${why})`;
}

/** For a guest that cannot move: the work is lost, so only for a drain, only where nobody sits, and only if it can go on elsewhere. */
function anew(
  { job, pool, verdicts, explain, isSilent, nowMs }: EvacuationInput,
  vmi: VirtualMachineInstance,
  attempt: Attempt,
  leaving: Leaving,
  cannot: string,
): EvacuationDecision {
  const stays = (why: string): EvacuationDecision => ({
    kind: 'stay',
    reason: 'NotMigratable',
    cause: leaving.reason,
    message: `${leaving.words}, but ${cannot}; ${why}`,
  });
  if (leaving.reason !== 'Drained') return stays(`it ${goesOn(job)}${parkWords(leaving)}`);
  if (job.spec.mode === 'Session') return stays('it runs on, as a session is not made anew');
  const of = { job, vmi, pool, verdicts, explain, isSilent, source: leaving.from, nowMs };
  const target = targetFor({ ...of, live: false, resting: new Set() });
  if (target.machine === undefined) return nobody(job, leaving, target, undefined);
  const message = `${leaving.words} and ${cannot}; it is made anew elsewhere`;
  return { kind: 'recreate', attempt, leaving, target: target.machine, message };
}

function nobody(
  job: ComputeJob,
  leaving: Leaving,
  { words, wants, silent }: NoTarget,
  restMs: number | undefined,
): EvacuationDecision {
  const retryInMs = silent ? Math.min(silentAgainMs, restMs ?? Infinity) : restMs;
  const why = words === undefined ? '' : `: ${words}`;
  const message = `${leaving.words}, but no machine can take the guest, which ${goesOn(job)}${parkWords(leaving)}${why}`;
  const awaits = { kind: 'room', of: wants } as const;
  return { kind: 'stay', reason: 'NoMachineForGuest', cause: leaving.reason, message, retryInMs, awaits };
}

function goesOn(job: ComputeJob): string {
  return job.status?.ladder?.frozen === undefined ? 'runs on' : 'stands still';
}

function parkWords({ parksAtMs }: Leaving): string {
  if (parksAtMs === undefined) return '';
  return ` and is shut down at ${new Date(parksAtMs).toISOString().slice(11, 19)} UTC unless that changes`;
}

/** `<vm>-m<n>`: after those that are known and those in the ledger, as a cancelled migration is soon unknown. */
function nextName(
  job: ComputeJob,
  { virtualMachine }: Attempt,
  migrations: readonly VirtualMachineInstanceMigration[],
): string {
  const ledger = (job.status?.interruptions ?? []).flatMap(({ migration }) => migration ?? []);
  const numbers = [...migrations.map(({ metadata }) => metadata.name), ...ledger]
    .filter((name) => name.startsWith(`${virtualMachine}-m`))
    .map(numberOf);
  return `${virtualMachine}-m${Math.max(0, ...numbers) + 1}`;
}

function numberOf(migration: string): number {
  return Number(/-m(\d{1,9})$/.exec(migration)?.[1] ?? 0);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
