// What is due for one job, from its claim to its end and its cleaning.
// Promises: pure; at most one change of the status per call (the first that is due), so that the order of steps is the order
// here; everything else it returns may be done again without harm.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import { isInstanceOver, type VirtualMachine, type VirtualMachineInstance } from '../api/kubevirt.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { durationMs, inWords } from '../model/duration.ts';
import { attemptsOf, isFinished, openAttempt, type Attempt } from '../model/job.ts';
import { secretName } from '../model/names.ts';
import type { AttemptEnd, ProgressReason } from '../model/reasons.ts';
import { canBeReleased, howFar, isDead, isOfAttempt, trouble, wasTakenAway, type Guest } from './observe.ts';

/** What the guests of the attempt have printed so far, over all their launcher pods. */
export interface ConsoleReading {
  readonly started: boolean;
  readonly exitCode?: number | undefined;
  /** What had been printed by a moment ago has been read, or that was tried for long enough. */
  readonly current: boolean;
  /** Every log was read to its end. */
  readonly complete: boolean;
}

export const nothingRead: ConsoleReading = { started: false, current: false, complete: false };

export interface LifecycleSettings {
  /** A guest that reported its exit has this long to power itself off. */
  readonly lingerMs: number;
  /** How long a log that cannot be read to its end is waited for after the guest ended. */
  readonly logPatienceMs: number;
}

export interface LifecycleInput {
  readonly job: ComputeJob;
  /** Of all attempts. */
  readonly vms: readonly VirtualMachine[];
  readonly vmis: readonly VirtualMachineInstance[];
  /** Of the open attempt, or of the last. */
  readonly guest: Guest;
  readonly console: ConsoleReading;
  readonly nowMs: number;
  readonly settings: LifecycleSettings;
}

export type LifecycleDecision =
  | { readonly kind: 'deleteVm'; readonly vm: VirtualMachine; readonly why: string }
  | { readonly kind: 'deleteSecret'; readonly name: string }
  | { readonly kind: 'removeFinalizer' }
  | { readonly kind: 'deleteJob' }
  | { readonly kind: 'createVm'; readonly attempt: Attempt }
  | { readonly kind: 'created' }
  | { readonly kind: 'running' }
  | { readonly kind: 'started'; readonly reachable?: string | undefined }
  | { readonly kind: 'moved'; readonly node: string }
  | { readonly kind: 'migratable'; readonly yes: boolean; readonly reason: string; readonly message: string }
  | { readonly kind: 'note'; readonly reason: ProgressReason; readonly message: string }
  | { readonly kind: 'releasePin'; readonly vm: VirtualMachine }
  | ({ readonly kind: 'end' } & AttemptOutcome)
  | { readonly kind: 'wake'; readonly afterMs: number };

export interface AttemptOutcome {
  readonly reason: AttemptEnd;
  readonly message: string;
  readonly exitCode?: number | undefined;
  /** Counts against spec.retries.limit. */
  readonly failure: boolean;
  /** What becomes of the job; undefined: it is claimed again. */
  readonly outcome?: 'Succeeded' | 'Failed' | undefined;
}

export function decideLifecycle(input: LifecycleInput): LifecycleDecision[] {
  const { job } = input;
  if (isBeingDeleted(job)) return takeDown(input);
  if (isFinished(job)) return afterEnd(input);
  const attempt = openAttempt(job);
  const former = attemptsOf(job).filter((other) => other !== attempt);
  const cleaning = former.flatMap((ended) => clean(input, ended.number));
  return attempt ? [...cleaning, ...progress(input, attempt)] : cleaning;
}

function takeDown({ job, vms, vmis }: LifecycleInput): LifecycleDecision[] {
  const going = vms.filter((vm) => !isBeingDeleted(vm));
  const decisions: LifecycleDecision[] = going.map((vm) => ({ kind: 'deleteVm', vm, why: 'its job is being deleted' }));
  if (vms.length === 0 && vmis.length === 0) decisions.push({ kind: 'removeFinalizer' });
  else if (going.length === 0) decisions.push({ kind: 'wake', afterMs: 5_000 });
  return [...attemptsOf(job).map(({ number }) => secretOf(job, number)), ...decisions];
}

/** The guests that ended by themselves: their virtual machine stays, powered off, for its log. */
const keepsLog: ReadonlySet<string> = new Set<AttemptEnd>([
  'Completed',
  'ScriptFailed',
  'GuestEndedWithoutExit',
  'SessionEnded',
]);

function afterEnd(input: LifecycleInput): LifecycleDecision[] {
  const { job, guest, nowMs, settings } = input;
  const decisions: LifecycleDecision[] = [];
  const last = attemptsOf(job).at(-1);
  for (const { number, reason = '' } of attemptsOf(job)) {
    if (number !== last?.number || !keepsLog.has(reason)) decisions.push(...clean(input, number));
    else decisions.push(secretOf(job, number));
  }
  const finishedMs = Date.parse(job.status?.finishTime ?? '');
  const { vm, vmi } = guest;
  if (vm && vmi && keepsLog.has(last?.reason ?? '') && !isInstanceOver(vmi) && !isBeingDeleted(vm)) {
    const left = finishedMs + settings.lingerMs - nowMs;
    if (left <= 0) decisions.push({ kind: 'deleteVm', vm, why: 'the guest did not power itself off' });
    else decisions.push({ kind: 'wake', afterMs: left });
  }
  const ttl = job.spec.ttlSecondsAfterFinished;
  if (ttl !== undefined) {
    const left = finishedMs + ttl * 1000 - nowMs;
    decisions.push(left <= 0 ? { kind: 'deleteJob' } : { kind: 'wake', afterMs: left });
  }
  return decisions;
}

function clean({ job, vms }: LifecycleInput, attempt: number): LifecycleDecision[] {
  const left = vms.filter((vm) => isOfAttempt(vm, attempt) && !isBeingDeleted(vm));
  return [
    ...left.map((vm) => ({ kind: 'deleteVm', vm, why: `attempt ${attempt} is over` }) as const),
    secretOf(job, attempt),
  ];
}

function secretOf(job: ComputeJob, attempt: number): LifecycleDecision {
  return { kind: 'deleteSecret', name: secretName(job.metadata.name, attempt) };
}

function progress(input: LifecycleInput, attempt: Attempt): LifecycleDecision[] {
  const { guest, console, nowMs, job } = input;
  const { vm, vmi } = guest;
  if (!vm) return beforeVm(input, attempt);
  if (attempt.created === undefined) return [{ kind: 'created' }];
  if (console.started && attempt.started === undefined) return [{ kind: 'started', reachable: reachableBy(job) }];
  if (vmi?.status?.phase === 'Running' && attempt.running === undefined) return [{ kind: 'running' }];
  if (console.exitCode !== undefined && job.spec.mode === 'Batch') return [end(job, byExitCode(console.exitCode))];
  if (isBeingDeleted(vm) || (vmi && isBeingDeleted(vmi))) return [end(job, takenAway('was deleted by somebody else'))];
  if (vmi && isInstanceOver(vmi)) return ended(input, attempt);
  const overdue = deadlines(input, attempt);
  if (overdue.kind === 'end') return [overdue];
  const here = vmi?.status?.nodeName;
  if (here !== undefined && here !== attempt.node && vmi?.status?.phase === 'Running') {
    return [{ kind: 'moved', node: here }];
  }
  const step = migratableChange(input) ?? noteOf(input, attempt);
  return [
    ...(step ? [step] : []),
    ...(canBeReleased(guest) ? [{ kind: 'releasePin', vm } as const] : []),
    ...(Number.isFinite(overdue.atMs) ? [{ kind: 'wake', afterMs: Math.max(1, overdue.atMs - nowMs) } as const] : []),
  ];
}

function beforeVm(input: LifecycleInput, attempt: Attempt): LifecycleDecision[] {
  const { job, vms, vmis, nowMs } = input;
  if (attempt.created !== undefined) return [end(job, takenAway('was deleted by somebody else'))];
  const overdue = deadlines(input, attempt);
  if (overdue.kind === 'end') return [overdue];
  // Two guests of one job at a time are never allowed, not even while one of them is on its way out.
  const alive = vms.filter((vm) => {
    const vmi = vmis.find(({ metadata }) => metadata.name === vm.metadata.name);
    return !isOfAttempt(vm, attempt.number) && !isDead(vm, vmi);
  });
  const wake = { kind: 'wake', afterMs: Math.max(1, overdue.atMs - nowMs) } as const;
  const first = alive[0];
  if (!first) return [{ kind: 'createVm', attempt }, wake];
  const message = `${first.metadata.name} of the attempt before is still being taken down`;
  return [...noteIfNew(job, 'WaitingForEarlier', message), wake];
}

/** How soon a deadline is looked at again for which the console had to be read first. */
const unreadMs = 1_000;

/** The attempt's deadline: an end when it is past, else when it will be (ms since the epoch). */
function deadlines(
  { job, guest, console, nowMs }: LifecycleInput,
  attempt: Attempt,
): Extract<LifecycleDecision, { kind: 'end' }> | { kind: 'later'; atMs: number } {
  const { walltime, startDeadline, mode, image } = job.spec;
  // Nobody may have read the console for a long time: what it says comes before any verdict.
  const unread =
    guest.pods.length > 0 && !console.current ? ({ kind: 'later', atMs: nowMs + unreadMs } as const) : undefined;
  if (attempt.started === undefined) {
    const limit = durationMs(startDeadline);
    const atMs = Date.parse(attempt.claimed ?? '') + limit;
    if (nowMs < atMs) return { kind: 'later', atMs };
    if (unread) return unread;
    const message = `the guest did not start within ${inWords(limit)} on ${attempt.node}: ${howFar(guest, image.containerDisk)}`;
    return end(job, { reason: 'StartFailed', message, failure: true });
  }
  if (walltime === undefined) return { kind: 'later', atMs: Number.POSITIVE_INFINITY };
  const atMs = Date.parse(attempt.started) + durationMs(walltime);
  if (nowMs < atMs) return { kind: 'later', atMs };
  if (unread) return unread;
  const message = `its walltime of ${walltime} is over`;
  return mode === 'Batch'
    ? end(job, { reason: 'WalltimeExceeded', message, failure: false, outcome: 'Failed' })
    : end(job, { reason: 'SessionEnded', message, failure: false, outcome: 'Succeeded' });
}

/** The guest is off. Whether that is a result depends on its log alone. */
function ended({ job, guest, console, nowMs, settings }: LifecycleInput, attempt: Attempt): LifecycleDecision[] {
  const { vmi } = guest;
  if (!console.complete) {
    const since = endedAtMs(vmi) ?? nowMs;
    const left = since + settings.logPatienceMs - nowMs;
    if (left > 0) return [{ kind: 'wake', afterMs: left }];
  }
  const on = attempt.node;
  if (vmi?.status?.phase === 'Succeeded') {
    if (job.spec.mode === 'Session' && attempt.started !== undefined) {
      return [
        end(job, {
          reason: 'SessionEnded',
          message: 'the guest was powered off',
          failure: false,
          outcome: 'Succeeded',
        }),
      ];
    }
    if (wasTakenAway(guest)) return [end(job, takenAway(`was shut down on ${on} from outside`))];
    const message = 'the guest was powered off before its script reported an exit code';
    return [
      end(job, {
        reason: attempt.started === undefined ? 'StartFailed' : 'GuestEndedWithoutExit',
        message,
        failure: true,
      }),
    ];
  }
  if (attempt.started === undefined) {
    const message = `the guest did not start on ${on}: ${howFar(guest, job.spec.image.containerDisk)}`;
    return [end(job, { reason: 'StartFailed', message, failure: true })];
  }
  if (wasTakenAway(guest)) return [end(job, takenAway(`was ended on ${on} from outside`))];
  return [end(job, { reason: 'GuestCrashed', message: `the guest or its machine ${on} crashed`, failure: true })];
}

function endedAtMs(vmi: VirtualMachineInstance | undefined): number | undefined {
  const times = vmi?.status?.phaseTransitionTimestamps ?? [];
  const last = times.find(({ phase }) => phase === vmi?.status?.phase)?.phaseTransitionTimestamp;
  return last === undefined ? undefined : Date.parse(last);
}

function byExitCode(exitCode: number): AttemptOutcome {
  return exitCode === 0
    ? {
        reason: 'Completed',
        message: 'the script ended with exit code 0',
        exitCode,
        failure: false,
        outcome: 'Succeeded',
      }
    : { reason: 'ScriptFailed', message: `the script ended with exit code ${exitCode}`, exitCode, failure: true };
}

function takenAway(what: string): AttemptOutcome {
  return { reason: 'TakenAway', message: `the virtual machine ${what}`, failure: false };
}

/** Fills in what becomes of the job when the attempt failed by itself. */
function end(job: ComputeJob, o: AttemptOutcome): Extract<LifecycleDecision, { kind: 'end' }> {
  if (!o.failure) return { kind: 'end', ...o };
  const { limit, when } = job.spec.retries;
  const failures = (job.status?.failures ?? 0) + 1;
  const repeated = isRepeated(o.reason, when);
  if (repeated && failures <= limit) return { kind: 'end', ...o };
  const why = repeated
    ? limit === 0
      ? 'spec.retries.limit is 0'
      : `all ${limit} repeats of spec.retries.limit are used up`
    : 'spec.retries.when does not list ScriptFailed';
  return { kind: 'end', ...o, message: `${o.message} (not repeated: ${why})`, outcome: 'Failed' };
}

function isRepeated(reason: AttemptEnd, when: readonly string[]): boolean {
  switch (reason) {
    case 'ScriptFailed':
    case 'GuestEndedWithoutExit':
      return when.includes('ScriptFailed');
    case 'StartFailed':
      return when.includes('StartFailed');
    // Whose fault a crash was cannot be told; it is repeated like what the lab takes away, but not for ever.
    case 'GuestCrashed':
    case 'MachineLost':
    case 'Drained':
    case 'OwnerReturned':
    case 'Preempted':
    case 'TakenAway':
      return true;
    case 'Completed':
    case 'WalltimeExceeded':
    case 'SessionEnded':
      return false;
  }
}

function reachableBy(job: ComputeJob): string | undefined {
  switch (job.spec.console) {
    case 'Serial':
      return 'the serial console answers';
    case 'VNC':
      return 'the guest is up and has a screen';
    case 'None':
      return undefined;
  }
}

function migratableChange({ job, guest }: LifecycleInput): LifecycleDecision | undefined {
  const seen = getCondition(guest.vmi?.status?.conditions, 'LiveMigratable');
  if (!seen) return undefined;
  const yes = seen.status === 'True';
  const before = getCondition(job.status?.conditions, 'Migratable');
  if (before?.status === (yes ? 'True' : 'False')) return undefined;
  const reason = yes ? 'Migratable' : (seen.reason ?? 'NotMigratable');
  return { kind: 'migratable', yes, reason, message: seen.message ?? 'the guest can move while it runs' };
}

function noteOf({ job, guest }: LifecycleInput, attempt: Attempt): LifecycleDecision | undefined {
  if (attempt.started !== undefined) return undefined;
  const wrong = trouble(guest, job.spec.image.containerDisk);
  if (wrong) return noteIfNew(job, wrong.reason, `${wrong.message}, on ${attempt.node}`)[0];
  return undefined;
}

function noteIfNew(job: ComputeJob, reason: ProgressReason, message: string): LifecycleDecision[] {
  return job.status?.message === message ? [] : [{ kind: 'note', reason, message }];
}
