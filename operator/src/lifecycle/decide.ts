// What is due for one job, from its claim to its end and its cleaning.
// Promises: pure; at most one change of the status per call (the first that is due), so that the order of steps is the order
// here; everything else it returns may be done again without harm. A start that goes well needs one write of the status.

import { getCondition } from '../api/conditions.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { isInstanceOver, type VirtualMachine, type VirtualMachineInstance } from '../api/kubevirt.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { inWords } from '../model/duration.ts';
import { finishedAtMs, isFinished, isStopped, lastAttempt, openAttempt, type Attempt } from '../model/job.ts';
import type { AttemptEnd, ProgressReason } from '../model/reasons.ts';
import { isSaid, type Milestones, type Mobility } from '../model/status.ts';
import { causeOf, deadlines, pausedReason, standstillEndMs, unreadMs } from './deadlines.ts';
import { heldBy, stillThere } from './earlier.ts';
import { hasSecretFiles } from './files.ts';
import {
  canBeReleased,
  crashWords,
  hasBegun,
  hasRun,
  isDead,
  isOrphaned,
  milestonesOf,
  mobilityOf,
  reachableBy,
  whoEnded,
  type Guest,
} from './observe.ts';
import { withObservation } from './observed.ts';
import {
  byExitCode,
  endedByMachine,
  endOf,
  notStarted,
  sessionEnded,
  stoppedOutcome,
  takenAway,
  type AttemptOutcome,
  type EndDecision,
  type Stop,
} from './outcome.ts';
import { restorationOf, type Restoration } from './own-fields.ts';
import { howFar, isBackOffOnly, standstill, trouble } from './trouble.ts';

/** What the guests of the attempt have printed so far, over all their launcher pods. */
export interface ConsoleReading {
  readonly started: boolean;
  /** How often the guest was seen to start its script anew. */
  readonly reboots: number;
  readonly exitCode?: number | undefined;
  /** What had been printed by a moment ago has been read, or that was tried for long enough. */
  readonly current: boolean;
  /** Every log was read to its end, or that was tried for long enough after the guest's end. */
  readonly complete: boolean;
}

export const nothingRead: ConsoleReading = { started: false, reboots: 0, current: false, complete: false };

export interface LifecycleSettings {
  /** A guest that reported its exit has this long to power itself off. */
  readonly lingerMs: number;
  /** A start that takes longer shows how far it is. */
  readonly slowStartMs: number;
  /** A guest that KubeVirt paused because its disk cannot be written is given up after this time. */
  readonly standstillMs: number;
  /** Origin of the portal, if there is one. */
  readonly portalUrl?: string | undefined;
}

export interface LifecycleInput {
  readonly job: ComputeJob;
  /** Of all attempts. */
  readonly vms: readonly VirtualMachine[];
  readonly vmis: readonly VirtualMachineInstance[];
  /** Of the open attempt, or of the last. */
  readonly guest: Guest;
  readonly console: ConsoleReading;
  /** The attempt's machine counts as lost: what becomes of the attempt is for recovery/ to say. */
  readonly machineLost: boolean;
  /** The attempt's machine was silent for so long, a short while ago, that it may have ended its guests itself, ms. */
  readonly silenceMs?: number | undefined;
  /** Why the cluster does not let virtual machines be deleted, by name. */
  readonly refusals?: ReadonlyMap<string, string> | undefined;
  readonly nowMs: number;
  readonly settings: LifecycleSettings;
}

export type LifecycleDecision =
  | { readonly kind: 'deleteVm'; readonly vm: VirtualMachine; readonly why: string }
  | { readonly kind: 'deleteVmi'; readonly vmi: VirtualMachineInstance; readonly why: string }
  | { readonly kind: 'deleteSecret'; readonly attempt: number }
  | { readonly kind: 'deleteJob' }
  | { readonly kind: 'createVm'; readonly attempt: Attempt }
  | { readonly kind: 'starting'; readonly seen: Milestones }
  | {
      readonly kind: 'started';
      readonly seen: Milestones;
      readonly reachable?: string | undefined;
      readonly mobility?: Mobility | undefined;
    }
  | { readonly kind: 'moved'; readonly node: string }
  | ({ readonly kind: 'migratable' } & Mobility)
  | {
      readonly kind: 'note';
      readonly reason: ProgressReason;
      readonly message: string;
      readonly seen?: Milestones | undefined;
      readonly reboots?: number | undefined;
    }
  | { readonly kind: 'paused'; readonly message: string }
  | { readonly kind: 'resumed'; readonly reachable?: string | undefined }
  | { readonly kind: 'releasePin'; readonly vm: VirtualMachine }
  | { readonly kind: 'restore'; readonly vm: VirtualMachine; readonly restoration: Restoration }
  | { readonly kind: 'readConsole' }
  | EndDecision
  /** The job has no machine, and is to have none any more. */
  | ({ readonly kind: 'stop' } & Stop)
  /** Its user changed the job, and nothing else of the status changes with it. */
  | { readonly kind: 'observed' }
  | { readonly kind: 'wake'; readonly afterMs: number };

export function decideLifecycle(input: LifecycleInput): LifecycleDecision[] {
  return withObservation(input.job, due(input));
}

function due(input: LifecycleInput): LifecycleDecision[] {
  const { job, vms } = input;
  if (isBeingDeleted(job)) {
    return vms.filter((vm) => !isBeingDeleted(vm)).map((vm) => remove(vm, 'its job is being deleted'));
  }
  if (isFinished(job)) return afterEnd(input);
  const attempt = openAttempt(job);
  const cleaning = clean(input, attempt?.virtualMachine);
  if (attempt) return [...cleaning, ...progress(input, attempt)];
  return isStopped(job) ? [...cleaning, { kind: 'stop', ...stoppedOutcome(job) }] : cleaning;
}

/** KubeVirt begins within a second, unless it is being brought up to date or has hundreds to begin. */
const notBegunMs = 60_000;

/** The guests that ended by themselves: their virtual machine stays, powered off, for its log. */
const keepsLog: ReadonlySet<string> = new Set<AttemptEnd>([
  'Completed',
  'ScriptFailed',
  'GuestEndedWithoutExit',
  'SessionEnded',
]);

function afterEnd(input: LifecycleInput): LifecycleDecision[] {
  const { job, guest, nowMs, settings } = input;
  const last = lastAttempt(job);
  const kept = keepsLog.has(last?.reason ?? '') ? last?.virtualMachine : undefined;
  const decisions = clean(input, kept);
  const finishedMs = finishedAtMs(job);
  const { vm, vmi } = guest;
  if (vm && vmi && kept !== undefined && !isInstanceOver(vmi) && !isBeingDeleted(vm)) {
    const left = finishedMs + settings.lingerMs - nowMs;
    decisions.push(left <= 0 ? remove(vm, 'the guest did not power itself off') : { kind: 'wake', afterMs: left });
  }
  const ttl = job.spec.ttlSecondsAfterFinished;
  if (ttl !== undefined) {
    const left = finishedMs + ttl * 1000 - nowMs;
    decisions.push(left <= 0 ? { kind: 'deleteJob' } : { kind: 'wake', afterMs: left });
  }
  return decisions;
}

/** Takes away what is left of attempts, all but the virtual machine named `kept`. */
function clean({ vms, vmis }: LifecycleInput, kept: string | undefined): LifecycleDecision[] {
  const why = 'its attempt is over';
  const left = vms.filter((vm) => vm.metadata.name !== kept && !isBeingDeleted(vm));
  const orphans = orphansOf(vms, vmis).filter((vmi) => vmi.metadata.name !== kept && !isBeingDeleted(vmi));
  return [...left.map((vm) => remove(vm, why)), ...orphans.map((vmi) => ({ kind: 'deleteVmi', vmi, why }) as const)];
}

function remove(vm: VirtualMachine, why: string): LifecycleDecision {
  return { kind: 'deleteVm', vm, why };
}

function orphansOf(
  vms: readonly VirtualMachine[],
  vmis: readonly VirtualMachineInstance[],
): readonly VirtualMachineInstance[] {
  return vmis.filter((vmi) => isOrphaned(vmi) && !vms.some(({ metadata }) => metadata.name === vmi.metadata.name));
}

function progress(input: LifecycleInput, attempt: Attempt): LifecycleDecision[] {
  const { guest, console, nowMs, job, settings } = input;
  const { vm, vmi } = guest;
  if (!vm) return isStopped(job) ? stop(input) : beforeVm(input, attempt);
  const seen = milestonesOf(guest, attempt, nowMs);
  // A console is read at once, and what becomes of an instance is told later; taken for granted, its run would look remade below.
  const known = hasRun(vmi) || console.exitCode !== undefined;
  if (console.started && attempt.started === undefined && known) {
    return [{ kind: 'started', seen, reachable: reachableBy(job), mobility: mobilityOf(guest) }];
  }
  if (console.exitCode !== undefined && job.spec.mode === 'Batch') return end(input, byExitCode(console.exitCode));
  if (isStopped(job)) return stop(input);
  // It was asked to shut down, and the ladder says what becomes of it.
  if (job.status?.ladder?.parking !== undefined) return [];
  const gone = removed(input, attempt);
  if (gone) return end(input, gone);
  if (vmi && isInstanceOver(vmi)) return ended(input, attempt);
  const overdue = deadlines(input, attempt);
  if (overdue.kind === 'end') return end(input, overdue);
  const here = vmi?.status?.nodeName;
  if (here !== undefined && here !== attempt.node && vmi?.status?.phase === 'Running') {
    return [{ kind: 'moved', node: here }];
  }
  const step = attempt.started === undefined ? startStep(input, attempt, seen) : runStep(input, attempt);
  const restoration = isBeingDeleted(vm) ? undefined : restorationOf(vm, job, attempt);
  const slowAtMs = Date.parse(attempt.claimed ?? '') + settings.slowStartMs;
  const news = attempt.started === undefined ? [slowAtMs, notBegunAtMs(guest, attempt.created ?? seen.created)] : [];
  const nextMs = Math.min(
    overdue.atMs,
    standstillEndMs(input) ?? Infinity,
    ...news.map((atMs) => (atMs > nowMs ? atMs : Infinity)),
  );
  return [
    ...(overdue.unread ? [{ kind: 'readConsole' } as const] : []),
    ...(step ? [step] : []),
    ...(restoration ? [{ kind: 'restore', vm, restoration } as const] : []),
    ...(canBeReleased(guest) && !restoration ? [{ kind: 'releasePin', vm } as const] : []),
    ...(Number.isFinite(nextMs) ? [{ kind: 'wake', afterMs: Math.max(1, nextMs - nowMs) } as const] : []),
  ];
}

/** How soon an earlier attempt that has not gone yet is looked at again. */
const earlierAgainMs = 15_000;

function beforeVm(input: LifecycleInput, attempt: Attempt): LifecycleDecision[] {
  const { job, vms, vmis, guest, nowMs } = input;
  const vanished = attempt.created !== undefined || (guest.vmi !== undefined && isOrphaned(guest.vmi));
  if (vanished) return end(input, takenAway('was deleted by somebody else'));
  // Two guests of one job at a time are never allowed, not even while one of them is on its way out.
  const alive = [
    ...vms.filter(
      (vm) =>
        !isDead(
          vm,
          vmis.find(({ metadata }) => metadata.name === vm.metadata.name),
        ),
    ),
    ...orphansOf(vms, vmis).filter((vmi) => !isInstanceOver(vmi)),
  ];
  const overdue = deadlines(input, attempt, { waits: alive.length > 0 });
  if (overdue.kind === 'end') return end(input, overdue);
  const wake = { kind: 'wake', afterMs: Math.max(1, overdue.atMs - nowMs) } as const;
  const first = alive[0];
  if (!first) return [{ kind: 'createVm', attempt }, wake];
  const refused = input.refusals?.get(first.metadata.name);
  const message = stillThere(first.metadata.name, { refused, heldBy: heldBy(first, nowMs) });
  // Its end wakes us, unless that was told before we knew of it.
  const look = { kind: 'wake', afterMs: Math.min(wake.afterMs, earlierAgainMs) } as const;
  return [...noteIfNew(job, { reason: 'WaitingForEarlier', message }), look];
}

/** Its user wants it to end. Before that the console is heard out: the result of a script that has ended is the job's. */
function stop(input: LifecycleInput): LifecycleDecision[] {
  const { job, guest, console, machineLost } = input;
  // Whether the guest is gone is known when its machine is sealed; that ends the attempt, and then there is only the job to end.
  if (machineLost) return [{ kind: 'wake', afterMs: unreadMs }];
  const { vm, vmi, pods } = guest;
  const over = vmi !== undefined && isInstanceOver(vmi);
  const unread = vm !== undefined && (over ? !console.complete : pods.length > 0 && !console.current);
  return unread ? [{ kind: 'readConsole' }, { kind: 'wake', afterMs: unreadMs }] : end(input, stoppedOutcome(job));
}

/** Somebody took the virtual machine or its instance away, or asked KubeVirt to stop it. */
function removed({ job, guest: { vm, vmi } }: LifecycleInput, attempt: Attempt): AttemptOutcome | undefined {
  if (vm && isBeingDeleted(vm)) return takenAway('was deleted by somebody else');
  if (vm?.spec.runStrategy === 'Halted') {
    if (job.spec.mode === 'Session' && attempt.started !== undefined) {
      return sessionEnded('the virtual machine was stopped from outside');
    }
    return takenAway(
      'was stopped from outside (its runStrategy is Halted); to end the job for good, set its spec.stop',
    );
  }
  if (vmi && isBeingDeleted(vmi)) return takenAway('was deleted by somebody else');
  // KubeVirt makes a new instance for one that is gone, within a tenth of a second: the guest that had started is no more.
  const remade = attempt.started !== undefined && !hasRun(vmi);
  return remade ? takenAway('lost its instance, which somebody deleted') : undefined;
}

/** The guest is off. Whether that is a result depends on its log alone. */
function ended(input: LifecycleInput, attempt: Attempt): LifecycleDecision[] {
  const { job, guest, console, machineLost } = input;
  // The console tells when it has been read to its end, or when it gives up.
  if (!console.complete) return [{ kind: 'readConsole' }];
  const on = attempt.node;
  const outside = whoEnded(guest);
  if (machineLost && outside !== undefined) return [{ kind: 'wake', afterMs: unreadMs }];
  const failed = outside === undefined && guest.vmi?.status?.phase === 'Failed';
  if (failed && input.silenceMs !== undefined) return end(input, endedByMachine(on, input.silenceMs));
  if (attempt.started === undefined) {
    if (outside !== undefined) return end(input, takenAway(outside));
    const message = `the guest did not start on ${on}: ${howFar(guest, job.spec.image.containerDisk)}`;
    return end(input, notStarted(message, causeOf(input)));
  }
  if (outside !== undefined) return end(input, takenAway(`${outside}, on ${on}`));
  if (guest.vmi?.status?.phase === 'Succeeded' && job.spec.mode === 'Session') {
    return end(input, sessionEnded('the guest was powered off'));
  }
  if (guest.vmi?.status?.phase === 'Failed') {
    return end(input, { reason: 'GuestCrashed', message: crashWords(guest, on), failure: true });
  }
  const message = 'the guest was powered off before its script reported an exit code';
  return end(input, { reason: 'GuestEndedWithoutExit', message, failure: true });
}

/** What came from Secrets does not outlive the attempt; the other Secrets hold nothing that the job does not show. */
function end(input: LifecycleInput, outcome: AttemptOutcome): LifecycleDecision[] {
  const { job, guest, nowMs } = input;
  const attempt = openAttempt(job);
  const seen = attempt && milestonesOf(guest, attempt, nowMs);
  const secret = attempt && hasSecretFiles(job) ? [{ kind: 'deleteSecret', attempt: attempt.number } as const] : [];
  return [...secret, { ...endOf(job, outcome), seen }];
}

/** The step of the status that is due before the script has begun. */
function startStep(input: LifecycleInput, attempt: Attempt, seen: Milestones): LifecycleDecision | undefined {
  const { job, guest, nowMs, settings } = input;
  const wrong = trouble(guest, job.spec.image.containerDisk) ?? standstillOf(input);
  if (wrong) return noteIfNew(job, { reason: wrong.reason, message: `${wrong.message} (on ${attempt.node})`, seen })[0];
  // What it waited for before there was a virtual machine is not true any more. How far it is is told with its start, as ever.
  if (beforeCreation.has(job.status?.reason ?? '')) return { kind: 'starting', seen: {} };
  if (nowMs < Date.parse(attempt.claimed ?? '') + settings.slowStartMs) return undefined;
  const begins = job.status?.reason === 'KubeVirtNotReady' && hasBegun(guest);
  const news =
    (seen.created !== undefined && attempt.created === undefined) ||
    (seen.running !== undefined && attempt.running === undefined);
  if (news || begins) return { kind: 'starting', seen };
  if (nowMs < notBegunAtMs(guest, attempt.created ?? seen.created)) return undefined;
  const message = `KubeVirt has not begun to start the guest for ${inWords(notBegunMs)}: its virt-controller may be away`;
  return noteIfNew(job, { reason: 'KubeVirtNotReady', message, seen })[0];
}

const beforeCreation: ReadonlySet<string> = new Set<ProgressReason>([
  'WaitingForEarlier',
  'SecretMissing',
  'NetworkNotReady',
  'NetworkNotAllowed',
  'NameTaken',
]);

/** From when KubeVirt has had the virtual machine for so long that it looks as if nobody took it up, ms since the epoch. */
function notBegunAtMs(guest: Guest, created: string | undefined): number {
  return created === undefined || hasBegun(guest) ? Infinity : Date.parse(created) + notBegunMs;
}

/** The step that is due once it has begun. */
function runStep(input: LifecycleInput, attempt: Attempt): LifecycleDecision | undefined {
  const { job, guest, console } = input;
  const still = standstillOf(input);
  const told = getCondition(job.status?.conditions, 'Reachable')?.reason === pausedReason;
  if (still && !(told && isSaid(job.status?.message, still.message))) return { kind: 'paused', message: still.message };
  if (!still && told) return { kind: 'resumed', reachable: reachableBy(job) };
  // Told at the first, the second, the fourth ...: a guest that prints the marker for ever must not make us write for ever.
  if (console.reboots >= Math.max(1, 2 * (attempt.reboots ?? 0))) {
    const times = console.reboots === 1 ? 'once' : `${console.reboots} times`;
    const message = `the guest has rebooted (${times} so far) and runs the script anew; the attempt goes on`;
    return { kind: 'note', reason: 'GuestRebooted', message, reboots: console.reboots };
  }
  const mobility = mobilityOf(guest);
  const before = getCondition(job.status?.conditions, 'Migratable');
  const isNew = mobility && (before?.status !== (mobility.yes ? 'True' : 'False') || before.reason !== mobility.reason);
  return isNew ? { kind: 'migratable', ...mobility } : undefined;
}

/** One that stands still for its machine's owner is no trouble. */
function standstillOf({ job, guest }: LifecycleInput): ReturnType<typeof standstill> {
  const still = standstill(guest);
  return still?.broken === false && job.status?.ladder?.frozen !== undefined ? undefined : still;
}

/** A refusal's text names another pod and other amounts at each try, and a pause before the next pull says less than its error. */
function noteIfNew(
  job: ComputeJob,
  note: { readonly reason: ProgressReason; readonly message: string; readonly seen?: Milestones },
): LifecycleDecision[] {
  const { reason = '', message = '' } = job.status ?? {};
  const told = reason === 'NoRoomOnMachine' || isBackOffOnly(note.message) || isAlike(message, note.message);
  const same = reason === note.reason && told;
  return same ? [] : [{ kind: 'note', ...note }];
}

function isAlike(before: string, now: string): boolean {
  const shape = (text: string): string => text.replaceAll(/"[^"]*"/g, '""').replaceAll(/\d+/g, '0');
  return isSaid(before, now) || isSaid(shape(before), shape(now));
}
