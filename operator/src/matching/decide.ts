// Which waiting job gets which machine, and what the others are told.
// Promises: pure. Jobs are served in the order of their publication; each machine is given away at most as often as it has
// room; a later job may pass an earlier one only on a machine that the earlier one does not wait for.

import type { ComputeJob } from '../api/compute-job.ts';
import { needsOfJob } from '../model/capacity.ts';
import { inWords } from '../model/duration.ts';
import { attemptsOf, byPublication, isUnclaimed, lastAttempt, openAttempt, type Subscriber } from '../model/job.ts';
import { withTaken, type Pool } from '../model/pool.ts';
import { requirementOf, subscribers, type Verdict } from './subscribe.ts';
import { explain, type Explanation } from './words.ts';

export interface MatchingSettings {
  readonly runnersUp: number;
  /** A machine on which a job did not start is not tried again by it for this long. */
  readonly holdDownMs: number;
  /** Before the first repeat of a failed attempt; doubles with each failure. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

export interface MatchingInput {
  readonly pool: Pool;
  readonly jobs: readonly ComputeJob[];
  /** By job uid: what is missing before the job can start, in words. */
  readonly missing: ReadonlyMap<string, string>;
  readonly nowMs: number;
  readonly settings: MatchingSettings;
}

export type MatchingDecision =
  | { readonly kind: 'publish'; readonly job: ComputeJob }
  | {
      readonly kind: 'claim';
      readonly job: ComputeJob;
      readonly node: string;
      readonly subscribers: readonly Subscriber[];
      readonly reason: 'FirstReady' | 'RunnerUp';
      readonly message: string;
    }
  | ({ readonly kind: 'wait'; readonly job: ComputeJob; readonly retryInMs?: number | undefined } & Explanation)
  | { readonly kind: 'keepRunnersUp'; readonly job: ComputeJob; readonly subscribers: readonly Subscriber[] };

export function matchJobs(input: MatchingInput): MatchingDecision[] {
  const { jobs, missing, nowMs, settings } = input;
  const decisions: MatchingDecision[] = [];
  let pool = input.pool;
  const reserved = new Set<string>();
  let position = 0;
  for (const job of [...jobs].sort(byPublication)) {
    if (!isUnclaimed(job)) continue;
    if (job.status?.publication === undefined) {
      decisions.push({ kind: 'publish', job });
      continue;
    }
    position += 1;
    const held = waitsByItself(job, missing.get(job.metadata.uid ?? ''), position, nowMs, settings);
    if (held) {
      decisions.push(held);
      continue;
    }
    const wanted = requirementOf(job, { nowMs, holdDownMs: settings.holdDownMs });
    const preferred = lastAttempt(job) ? (job.status.subscribers ?? []).slice(1).map(({ node }) => node) : [];
    const verdict = subscribers(pool, wanted, { nowMs, reserved, preferred });
    const best = verdict.fitting[0];
    if (best) {
      const node = best.machine.name;
      decisions.push(claimOf(job, verdict, preferred, settings));
      pool = withTaken(pool, node, needsOfJob(job.spec));
      position -= 1;
      continue;
    }
    const keep = whatToKeep(verdict);
    if (keep !== undefined) reserved.add(keep);
    const retryInMs = wanted.heldUntilMs === undefined ? undefined : wanted.heldUntilMs - nowMs;
    decisions.push({ kind: 'wait', job, retryInMs, ...explain(job, wanted, verdict, position) });
  }
  return [...decisions, ...runnersUp(pool, input)];
}

/** When the next attempt may begin after one that failed by itself, ms since the epoch. */
export function notBefore(job: ComputeJob, settings: MatchingSettings): number {
  const last = lastAttempt(job);
  const failures = job.status?.failures ?? 0;
  const byItself = last?.reason === 'ScriptFailed' || last?.reason === 'StartFailed' || last?.reason === 'GuestCrashed';
  if (!byItself || failures === 0 || last.ended === undefined) return 0;
  return Date.parse(last.ended) + Math.min(settings.retryMaxMs, settings.retryBaseMs * 2 ** (failures - 1));
}

function waitsByItself(
  job: ComputeJob,
  missing: string | undefined,
  position: number,
  nowMs: number,
  settings: MatchingSettings,
): MatchingDecision | undefined {
  const own = (reason: 'SecretMissing' | 'RetryBackoff', message: string, retryInMs?: number): MatchingDecision => ({
    kind: 'wait',
    job,
    reason,
    message,
    waiting: { position, message, reasons: [{ reason, machines: 0, message }] },
    retryInMs,
  });
  if (missing !== undefined) return own('SecretMissing', missing);
  const from = notBefore(job, settings);
  if (from <= nowMs) return undefined;
  const last = lastAttempt(job);
  // The pause in full, not what is left of it: the words must not change while nothing happens.
  const pause = inWords(from - Date.parse(last?.ended ?? ''));
  return own(
    'RetryBackoff',
    `attempt ${last?.number} failed (${last?.reason}); the next one begins after a pause of ${pause}`,
    from - nowMs,
  );
}

function claimOf(
  job: ComputeJob,
  verdict: Verdict,
  preferred: readonly string[],
  settings: MatchingSettings,
): MatchingDecision {
  const { fitting } = verdict;
  const node = fitting[0]?.machine.name ?? '';
  const runnerUp = preferred.includes(node);
  const many = fitting.length === 1 ? 'the only ready machine' : `the first of ${fitting.length} ready machines`;
  return {
    kind: 'claim',
    job,
    node,
    subscribers: fitting.slice(0, settings.runnersUp + 1).map(subscriberOf),
    reason: runnerUp ? 'RunnerUp' : 'FirstReady',
    message: runnerUp ? `${node} was a runner-up of attempt ${attemptsOf(job).length}` : `${node} was ${many}`,
  };
}

function subscriberOf({ machine, score }: Verdict['fitting'][number]): Subscriber {
  return { node: machine.name, ...(machine.since === undefined ? {} : { readySince: machine.since }), score };
}

/** The machine that waits for this job, so that smaller later ones do not keep it full for ever: the emptiest that could do it. */
function whatToKeep(verdict: Verdict): string | undefined {
  const full = verdict.obstacles.filter(
    ({ reason, forEver }) =>
      !forEver && (reason === 'InsufficientCores' || reason === 'InsufficientMemory' || reason === 'InsufficientDisk'),
  );
  full.sort(
    (a, b) =>
      b.free.cores - a.free.cores || b.free.memoryMiB - a.free.memoryMiB || (a.machine.name < b.machine.name ? -1 : 1),
  );
  return full[0]?.machine.name;
}

/** Runners-up of running jobs, looked at again as the world changes. */
function runnersUp(pool: Pool, { jobs, nowMs, settings }: MatchingInput): MatchingDecision[] {
  return jobs.flatMap((job): MatchingDecision[] => {
    const attempt = openAttempt(job);
    if (!attempt || job.metadata.deletionTimestamp !== undefined) return [];
    const before = job.status?.subscribers ?? [];
    const wanted = requirementOf(job, { nowMs, holdDownMs: settings.holdDownMs });
    const preferred = before.map(({ node }) => node);
    const others = subscribers(pool, wanted, { nowMs, preferred })
      .fitting.filter(({ machine }) => machine.name !== attempt.node)
      .slice(0, settings.runnersUp);
    const own = before.find(({ node }) => node === attempt.node) ?? { node: attempt.node };
    const next = [
      own,
      ...others.map((other) => before.find(({ node }) => node === other.machine.name) ?? subscriberOf(other)),
    ];
    if (next.map(({ node }) => node).join() === before.map(({ node }) => node).join()) return [];
    return [{ kind: 'keepRunnersUp', job, subscribers: next }];
  });
}
