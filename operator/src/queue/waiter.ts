// A waiting job with everything the queue asks of it again and again, worked out once per change of the job.
// Promises: pure; no answer here depends on the time, so that it stays true until the job changes.

import type { ComputeJob } from '../api/compute-job.ts';
import { requirementOf, type Requirement } from '../matching/subscribe.ts';
import { durationMs } from '../model/duration.ts';
import { attemptsOf, lastAttempt, speaksAgainstMachine } from '../model/job.ts';
import type { AttemptEnd } from '../model/reasons.ts';
import { ageOf, type InLine } from './order.ts';
import { effectivePriority, type NamespacePolicy, type Priority } from './priority.ts';

export interface RetrySettings {
  /** Before the first repeat of a failed attempt; doubles with each failure. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** A machine on which a job did not start is not tried again by it for this long. */
  readonly holdDownMs: number;
}

export interface Waiter extends InLine {
  readonly job: ComputeJob;
  readonly uid: string;
  /** Of its class: without what is its own, such as machines that it avoids. */
  readonly requirement: Requirement;
  /** Machines that it avoids for a while. */
  readonly held: readonly { readonly node: string; readonly untilMs: number }[];
  /** Runners-up of its last attempt, best first. */
  readonly preferred: readonly string[];
  /** From the claim to the latest end of the attempt; undefined without a walltime. */
  readonly longestMs?: number | undefined;
  readonly walltimeMs?: number | undefined;
  /** Its last attempt was lost with a machine of a room. */
  readonly lostWithRoom: boolean;
  /** The pause after a failed attempt ends then, ms since the epoch. */
  readonly retryAtMs: number;
  /** Set when it is served with a lower priority than it asks for. */
  readonly lowered?: string | undefined;
}

export function waiterOf(
  job: ComputeJob,
  o: { readonly policy: NamespacePolicy; readonly highest: Priority; readonly settings: RetrySettings },
): Waiter {
  const { name, namespace = '', uid = '' } = job.metadata;
  const { rank, lowered } = effectivePriority(job.spec.priority, o.policy, o.highest);
  const requirement = requirementOf(job);
  const walltimeMs = job.spec.walltime === undefined ? undefined : durationMs(job.spec.walltime);
  const { holdDownMs } = o.settings;
  const failedStarts = attemptsOf(job).filter(
    (attempt) => speaksAgainstMachine(attempt) && attempt.ended !== undefined,
  );
  return {
    key: `${namespace}/${name}`,
    namespace,
    rank,
    lowered,
    age: ageOf(job),
    needs: requirement.needs,
    job,
    uid,
    requirement,
    held: failedStarts.map(({ node, ended = '' }) => ({ node, untilMs: Date.parse(ended) + holdDownMs })),
    preferred: lastAttempt(job) ? (job.status?.subscribers ?? []).slice(1).map(({ node }) => node) : [],
    walltimeMs,
    // The walltime begins with the start in the guest, which may take as long as it is given.
    longestMs: walltimeMs === undefined ? undefined : walltimeMs + durationMs(job.spec.startDeadline),
    lostWithRoom: lastAttempt(job)?.reason === 'MachineLost' && lastAttempt(job)?.room !== undefined,
    retryAtMs: notBefore(job, o.settings),
  };
}

/** When the next attempt may begin after one that failed by itself, or was taken away again, ms since the epoch. */
export function notBefore(job: ComputeJob, settings: Pick<RetrySettings, 'retryBaseMs' | 'retryMaxMs'>): number {
  const last = lastAttempt(job);
  const { retryBaseMs, retryMaxMs } = settings;
  const times = byItself.has(last?.reason ?? '') ? (job.status?.failures ?? 0) : takenAwayAgain(job, retryMaxMs);
  if (times <= 0 || last?.ended === undefined) return 0;
  return Date.parse(last.ended) + Math.min(retryMaxMs, retryBaseMs * 2 ** (times - 1));
}

const byItself: ReadonlySet<string> = new Set<AttemptEnd>(['ScriptFailed', 'StartFailed', 'GuestCrashed']);

/** Beyond the first time, as often as somebody took the guest away soon after its claim, in one row. */
function takenAwayAgain(job: ComputeJob, soonMs: number): number {
  const others = attemptsOf(job).findLastIndex(({ reason, claimed = '', ended = '' }) => {
    return reason !== 'TakenAway' || Date.parse(ended) - Date.parse(claimed) > soonMs;
  });
  return attemptsOf(job).length - 1 - others - 1;
}
