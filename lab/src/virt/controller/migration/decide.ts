// What a VirtualMachineInstanceMigration does next: its phase, the target pod, the marks on the instance. One step per pass; the
// steps and who does the others are in ../../README.md.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/migration/migration.go and recordings of it.
import { wholeSeconds, type Condition } from '../../../model/meta.ts';
import type { Node } from '../../../model/node.ts';
import { MIGRATION_TARGET_LABEL, isFinal, type VirtualMachineInstance } from '../../model/instance.ts';
import { withCondition } from '../../model/conditions.ts';
import {
  MEMORY_OVERHEAD_ANNOTATION,
  containersReady,
  currentPod,
  isDown,
  isGoingDown,
  targetPodOf,
  unschedulable,
  type LauncherPod,
} from '../../model/launcher-pod.ts';
import {
  MIGRATION_FINALIZER,
  PENDING_TIMEOUT_ANNOTATION,
  UNSCHEDULABLE_TIMEOUT_ANNOTATION,
  isOver,
  type Migration,
  type MigrationConfiguration,
  type MigrationPhase,
  type MigrationState,
} from '../../model/migration.ts';
import { inMebibytes } from '../vmi/overhead.ts';
import type { NewPod } from '../vmi/launcher-pod.ts';
import { evacuationBackoffMs, hasRoom } from './queue.ts';
import { targetPod } from './target-pod.ts';

export interface MigrationObserved {
  readonly migration: Migration;
  readonly vmi: VirtualMachineInstance | undefined;
  /** Every pod of the instance. */
  readonly pods: readonly LauncherPod[];
  readonly sourceNode: Node | undefined;
  /** All migrations of the cluster. */
  readonly all: readonly Migration[];
  readonly sourceNodeOf: (migration: Migration) => string | undefined;
  readonly configuration: MigrationConfiguration;
  /** ms since the epoch. */
  readonly now: number;
}

export interface MigrationEvent {
  readonly on: 'migration' | 'vmi';
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface MigrationDecision {
  /** The migration after this pass; the same object when nothing changes. */
  readonly next: Migration;
  /** The instance after this pass, when it changes. */
  readonly vmi?: VirtualMachineInstance;
  readonly createPod?: NewPod;
  readonly deletePod?: LauncherPod;
  /** The migration itself is deleted: its instance is gone. */
  readonly deleteSelf?: boolean;
  readonly events: readonly MigrationEvent[];
  readonly requeueAfterMs?: number;
}

const UNSCHEDULABLE_SECONDS = 300;
const PENDING_SECONDS = 900;
const QUEUE_RETRY_MS = 1_000;
const NO_DIGEST_RETRY_MS = 5_000;

/** One step. */
export function decideMigration(observed: MigrationObserved): MigrationDecision {
  const { migration, vmi, now } = observed;
  if (isOver(migration)) return afterEnd(observed);
  if (!vmi || isFinal(vmi)) {
    return fail(migration, now, 'Migration failed vmi shutdown during migration.');
  }
  if (migration.metadata.deletionTimestamp !== undefined) return cancel(observed, vmi);
  return step(observed, vmi, migration.status?.phase || undefined);
}

function step(
  observed: MigrationObserved,
  vmi: VirtualMachineInstance,
  phase: MigrationPhase | undefined,
): MigrationDecision {
  const { migration, now, pods } = observed;
  const source = currentPod(vmi, pods);
  if (phase === undefined) {
    const next = enter(migration, 'Pending', now);
    const migrationState = source ? { sourcePod: source.metadata.name } : {};
    return { next: { ...next, status: { ...next.status, migrationState } }, events: [] };
  }
  const target = targetPodOf(migration.metadata.uid, pods);
  if (phase === 'Pending') return target ? to(migration, 'Scheduling', now) : makeTarget(observed, vmi, source);
  const state = stateOf(migration, vmi);
  const handedOver = state?.endTimestamp !== undefined && !state.failed;
  if (!handedOver) {
    if (!target) return fail(migration, now, 'Migration target pod was removed during active migration.');
    if (isGoingDown(target))
      return fail(migration, now, 'Migration failed because target pod shutdown during migration');
  }
  if (state?.failed) return fail(migration, now, 'source node reported migration failed');
  switch (phase) {
    case 'Scheduling':
      if (target && containersReady(target)) return to(migration, 'Scheduled', now);
      return awaitPlacement(observed, vmi, target);
    case 'Scheduled':
      if (state) return to(migration, 'PreparingTarget', now);
      return target && source ? handOff(observed, vmi, source, target) : { next: migration, events: [] };
    case 'PreparingTarget':
      return state?.targetNodeAddress ? to(migration, 'TargetReady', now) : { next: migration, events: [] };
    case 'TargetReady':
      return state?.startTimestamp ? to(migration, 'Running', now) : { next: migration, events: [] };
    case 'Running':
      if (!state?.completed) return handedOver ? closeForSource(observed, vmi, state) : { next: migration, events: [] };
      return {
        next: enter(migration, 'Succeeded', now),
        events: [note('Normal', 'SuccessfulMigration', 'Source node reported migration succeeded')],
      };
    case 'Succeeded':
    case 'Failed':
      return { next: migration, events: [] };
  }
}

/** After the hand-over the source says "completed"; if its pod is gone or has ended, it may never say so. */
function closeForSource(
  observed: MigrationObserved,
  vmi: VirtualMachineInstance,
  state: MigrationState | undefined,
): MigrationDecision {
  const source = observed.pods.find((pod) => pod.metadata.name === state?.sourcePod);
  const next = observed.migration;
  if (!state || vmi.status?.nodeName !== state.targetNode || (source && !isDown(source))) return { next, events: [] };
  const migrationState = { ...state, completed: true };
  return { next, vmi: { ...vmi, status: { ...vmi.status, migrationState } }, events: [] };
}

/** The instance's migrationState, when it is about this migration. */
function stateOf(migration: Migration, vmi: VirtualMachineInstance | undefined): MigrationState | undefined {
  const state = vmi?.status?.migrationState;
  return state?.migrationUid === migration.metadata.uid ? state : undefined;
}

function makeTarget(
  observed: MigrationObserved,
  vmi: VirtualMachineInstance,
  source: LauncherPod | undefined,
): MigrationDecision {
  const { migration, now } = observed;
  const wait = (requeueAfterMs: number): MigrationDecision => ({ next: migration, events: [], requeueAfterMs });
  const living = observed.pods.filter((pod) => !isDown(pod));
  if (!source || vmi.status?.phase !== 'Running' || vmi.metadata.deletionTimestamp || living.length > 1)
    return wait(QUEUE_RETRY_MS);
  const siblings = observed.all.filter(
    (each) => each.metadata.namespace === migration.metadata.namespace && each.spec.vmiName === migration.spec.vmiName,
  );
  const backoff = evacuationBackoffMs(migration, siblings, now);
  if (backoff > 0) {
    const message = `backoff migrating vmi ${vmi.metadata.namespace ?? ''}/${vmi.metadata.name}`;
    return { ...wait(backoff), events: [{ on: 'vmi', type: 'Warning', reason: 'MigrationBackoff', message }] };
  }
  if (!hasRoom(migration, observed.all, observed.sourceNodeOf, observed.configuration)) return wait(QUEUE_RETRY_MS);
  const pod = targetPod(migration, vmi, source, observed.sourceNode);
  if (!pod) return wait(NO_DIGEST_RETRY_MS);
  return { next: enter(migration, 'Scheduling', now), createPod: pod, events: [] };
}

function awaitPlacement(
  observed: MigrationObserved,
  vmi: VirtualMachineInstance,
  target: LauncherPod | undefined,
): MigrationDecision {
  const { migration, now } = observed;
  if (!target) return { next: migration, events: [] };
  const waitedMs = now - Date.parse(target.metadata.creationTimestamp ?? '');
  const homeless = unschedulable(target) !== undefined;
  const limitMs = homeless
    ? secondsOf(migration, UNSCHEDULABLE_TIMEOUT_ANNOTATION, UNSCHEDULABLE_SECONDS) * 1000
    : secondsOf(migration, PENDING_TIMEOUT_ANNOTATION, PENDING_SECONDS) * 1000;
  const ref = `${vmi.metadata.namespace ?? ''}/${vmi.metadata.name}`;
  const events = homeless
    ? [
        note(
          'Warning',
          'migrationTargetPodUnschedulable',
          `Migration target pod for VMI [${ref}] is currently unschedulable.`,
        ),
      ]
    : [];
  if (target.status?.phase !== 'Pending' || waitedMs < limitMs) {
    return { next: migration, events, requeueAfterMs: Math.max(0, limitMs - waitedMs) };
  }
  const kind = homeless ? 'unschedulable' : 'pending';
  const podRef = `${target.metadata.namespace ?? ''}/${target.metadata.name}`;
  return {
    next: enter(migration, 'Failed', now),
    deletePod: target,
    events: [
      ...events,
      note('Normal', 'SuccessfulDelete', `${kind} pod ${podRef} timeout period exceeded`),
      note('Warning', 'FailedMigration', 'Migration target pod was removed during active migration.'),
    ],
  };
}

function secondsOf(migration: Migration, annotation: string, fallback: number): number {
  const seconds = Number(migration.metadata.annotations?.[annotation]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : fallback;
}

/** Tells the two machines that they are to do it: from here the handlers write migrationState. */
function handOff(
  observed: MigrationObserved,
  vmi: VirtualMachineInstance,
  source: LauncherPod,
  target: LauncherPod,
): MigrationDecision {
  const { migration, configuration } = observed;
  const targetNode = target.spec.nodeName ?? '';
  const overhead = target.metadata.annotations?.[MEMORY_OVERHEAD_ANNOTATION];
  const migrationState: MigrationState = {
    migrationUid: migration.metadata.uid,
    sourceNode: vmi.status?.nodeName ?? '',
    sourcePod: source.metadata.name,
    targetNode,
    targetPod: target.metadata.name,
    ...(overhead === undefined ? {} : { targetMemoryOverhead: inMebibytes(Number(overhead)) }),
    migrationConfiguration: configuration,
  };
  const labels = { ...vmi.metadata.labels, [MIGRATION_TARGET_LABEL]: targetNode };
  return {
    next: enter(migration, 'PreparingTarget', observed.now),
    vmi: { ...vmi, metadata: { ...vmi.metadata, labels }, status: { ...vmi.status, migrationState } },
    events: [note('Normal', 'SuccessfulHandOver', 'Migration target pod is ready for preparation by virt-handler.')],
  };
}

function cancel(observed: MigrationObserved, vmi: VirtualMachineInstance): MigrationDecision {
  const { migration, now } = observed;
  const state = stateOf(migration, vmi);
  const aborted = withAbort(migration, now);
  const target = targetPodOf(migration.metadata.uid, observed.pods);
  if (state?.startTimestamp && !state.completed) {
    if (state.abortRequested) return { next: aborted, events: [] };
    return {
      next: aborted,
      vmi: { ...vmi, status: { ...vmi.status, migrationState: { ...state, abortRequested: true } } },
      events: [note('Normal', 'SuccessfulAbortMigration', 'Migration is ready to be canceled by virt-handler.')],
    };
  }
  if (state?.completed) return step(observed, vmi, migration.status?.phase || undefined);
  const podRef = target ? `${target.metadata.namespace ?? ''}/${target.metadata.name}` : '';
  return {
    next: enter(aborted, 'Failed', now),
    ...(target && !target.metadata.deletionTimestamp ? { deletePod: target } : {}),
    events: [
      ...(target ? [note('Normal', 'SuccessfulDelete', `migration canceled and pod ${podRef} is deleted`)] : []),
      note('Warning', 'FailedMigration', 'Migration failed due to being canceled'),
    ],
  };
}

function withAbort(migration: Migration, now: number): Migration {
  const conditions: readonly Condition[] = withCondition(
    migration.status?.conditions ?? [],
    { type: 'migrationAbortRequested', status: 'True' },
    wholeSeconds(now),
  );
  return { ...migration, status: { ...migration.status, conditions } };
}

/** An ended migration ends the instance's migrationState too, keeps a copy of it, lets go, and goes when its instance has gone. */
function afterEnd(observed: MigrationObserved): MigrationDecision {
  const { migration, vmi, now } = observed;
  const state = stateOf(migration, vmi);
  if (vmi && state && !state.completed && migration.status?.phase === 'Failed') {
    const failureReason = isFinal(vmi) ? 'vmi shutdown during migration' : 'Target pod is down';
    const ended = { ...state, completed: true, failed: true, endTimestamp: wholeSeconds(now), failureReason };
    const message = `VirtualMachineInstance migration uid ${migration.metadata.uid} failed. reason: ${failureReason}`;
    return {
      next: migration,
      vmi: { ...vmi, status: { ...vmi.status, migrationState: ended } },
      events: [{ on: 'vmi', type: 'Warning', reason: 'FailedMigration', message }],
    };
  }
  const finalizers = (migration.metadata.finalizers ?? []).filter((each) => each !== MIGRATION_FINALIZER);
  const next: Migration = {
    ...migration,
    metadata: { ...migration.metadata, finalizers },
    ...(state ? { status: { ...migration.status, migrationState: state } } : {}),
  };
  const orphaned = !vmi && migration.metadata.deletionTimestamp === undefined;
  return { next, ...(orphaned ? { deleteSelf: true } : {}), events: [] };
}

function to(migration: Migration, phase: MigrationPhase, now: number): MigrationDecision {
  return { next: enter(migration, phase, now), events: [] };
}

function fail(migration: Migration, now: number, message: string): MigrationDecision {
  return { next: enter(migration, 'Failed', now), events: [note('Warning', 'FailedMigration', message)] };
}

function enter(migration: Migration, phase: MigrationPhase, now: number): Migration {
  const times = migration.status?.phaseTransitionTimestamps ?? [];
  const entry = { phase, phaseTransitionTimestamp: wholeSeconds(now) };
  const phaseTransitionTimestamps = times.some((each) => each.phase === phase) ? times : [...times, entry];
  return { ...migration, status: { ...migration.status, phase, phaseTransitionTimestamps } };
}

function note(type: 'Normal' | 'Warning', reason: string, message: string): MigrationEvent {
  return { on: 'migration', type, reason, message };
}
