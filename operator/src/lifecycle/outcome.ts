// What becomes of an attempt, and of its job, when the attempt is over.
// Promises: pure; every end has a reason from the closed list and a sentence, and says whether it counts as a failure.

import type { ComputeJob } from '../api/compute-job.ts';
import { isStopped, openAttempt } from '../model/job.ts';
import type { AttemptEnd, ProgressReason } from '../model/reasons.ts';
import type { Milestones } from '../model/status.ts';

export interface AttemptOutcome {
  readonly reason: AttemptEnd;
  readonly message: string;
  readonly exitCode?: number | undefined;
  /** Counts against spec.retries.limit. */
  readonly failure: boolean;
  /** What had held it up, if it never started. */
  readonly cause?: ProgressReason | undefined;
  /** What becomes of the job; undefined: it is claimed again. */
  readonly outcome?: 'Succeeded' | 'Failed' | undefined;
}

export type Stop = AttemptOutcome & { readonly outcome: 'Succeeded' | 'Failed' };
export type EndDecision = { readonly kind: 'end'; readonly seen?: Milestones | undefined } & AttemptOutcome;

export function byExitCode(exitCode: number): AttemptOutcome {
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

export function takenAway(what: string): AttemptOutcome {
  return { reason: 'TakenAway', message: `the virtual machine ${what}`, failure: false };
}

/** Who ends guests because it cannot tell whether they were given up is no fault of theirs. */
export function endedByMachine(machine: string, silenceMs: number): AttemptOutcome {
  const message = `${machine} had no answer from the cluster for ${Math.round(silenceMs / 1000)} s, so it ended its guests`;
  return { reason: 'MachineLost', message, failure: false };
}

export function sessionEnded(message: string): AttemptOutcome {
  return { reason: 'SessionEnded', message, failure: false, outcome: 'Succeeded' };
}

/** Given up before its start. Whoever waits for a quota, for KubeVirt, or for us, has not failed. */
export function notStarted(message: string, cause: ProgressReason | undefined): AttemptOutcome {
  return { reason: 'StartFailed', message, cause, failure: !waits.has(cause) };
}

const waits: ReadonlySet<ProgressReason | undefined> = new Set<ProgressReason>([
  'QuotaExceeded',
  'KubeVirtNotReady',
  'WaitingForEarlier',
]);

const byUser = 'stopped by its user';

/**
 * What becomes of a job that its user stopped. A session that ran has done what it was for. A batch has not, whatever its script had
 * done by then: a program that waits for success must not take it for one, as Kubernetes' Jobs fail that are ended by their deadline.
 */
export function stoppedOutcome(job: ComputeJob): Stop {
  const ran = job.status?.startTime !== undefined;
  const succeeded = ran && job.spec.mode === 'Session';
  return {
    reason: 'Stopped',
    message:
      openAttempt(job)?.started !== undefined
        ? byUser
        : `${byUser} ${ran ? 'before it had started again' : 'before it had started'}`,
    failure: false,
    outcome: succeeded ? 'Succeeded' : 'Failed',
  };
}

/** The end as it is written: with what becomes of the job when the attempt failed by itself. */
export function endOf(job: ComputeJob, o: AttemptOutcome): EndDecision {
  if (!o.failure) return { kind: 'end', ...o };
  if (isStopped(job))
    return { kind: 'end', ...o, message: `${o.message} (not repeated: ${byUser})`, outcome: 'Failed' };
  const { limit, when } = job.spec.retries;
  const failures = (job.status?.failures ?? 0) + 1;
  const repeated = isRepeated(o.reason, when);
  if (repeated && failures <= limit) return { kind: 'end', ...o };
  const why = repeated
    ? limit === 0
      ? 'spec.retries.limit is 0'
      : limit === 1
        ? 'the one repeat of spec.retries.limit is used up'
        : `all ${limit} repeats of spec.retries.limit are used up`
    : 'spec.retries.when does not list ScriptFailed, which this counts as';
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
    case 'Revoked':
    case 'Parked':
    case 'Preempted':
    case 'TakenAway':
      return true;
    case 'Completed':
    case 'WalltimeExceeded':
    case 'SessionEnded':
    case 'Stopped':
      return false;
  }
}
