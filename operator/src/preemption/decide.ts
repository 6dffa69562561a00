// Which running jobs make room for a waiting one of a higher priority, and when that is called off.
// Promises: pure, and a function of what statuses say, so that a restart changes nothing; only jobs of at least one priority
// less are asked to go, only as many as are needed, after a notice, and only where nothing gets free by itself in that time.

import type { ComputeJob } from '../api/compute-job.ts';
import { obstacleOf, type Requirement } from '../matching/subscribe.ts';
import { fits, plus, type Amount } from '../model/capacity.ts';
import { isStopped, openAttempt, workedSeconds, type Attempt } from '../model/job.ts';
import type { Machine } from '../model/machine.ts';
import type { Pool } from '../model/pool.ts';
import { earliestOn, type Occupancy } from '../queue/reservation.ts';

export interface PreemptionSettings {
  readonly mode: 'never' | 'lower';
  readonly noticeMs: number;
}

/** From this rank on (High), jobs may ask others to go. */
export const lowestBeneficiary = 2;

/** A waiting job that fits nowhere. */
export interface Stuck {
  /** namespace/name. */
  readonly key: string;
  readonly rank: number;
  readonly requirement: Requirement;
  /** Machines that it avoids. */
  readonly avoids: ReadonlySet<string>;
}

export interface PreemptionInput {
  /** In the order of the line. */
  readonly stuck: readonly Stuck[];
  /** Jobs that have a machine and were given notice. */
  readonly noticed: readonly ComputeJob[];
  /** Whether the job of that key waits for a machine, and with which rank; undefined when it does not wait. */
  readonly waitingRank: (key: string) => number | undefined;
  readonly rankOf: (job: ComputeJob) => number;
  readonly jobOf: (key: string) => ComputeJob | undefined;
  readonly pool: Pool;
  /** Knows of guests that are on their way out. */
  readonly occupancy: Occupancy;
  readonly nowMs: number;
  readonly settings: PreemptionSettings;
}

export type PreemptionDecision =
  | {
      readonly kind: 'notice';
      readonly job: ComputeJob;
      readonly attempt: Attempt;
      readonly by: string;
      readonly atMs: number;
    }
  | { readonly kind: 'callOff'; readonly job: ComputeJob; readonly message: string }
  | { readonly kind: 'end'; readonly job: ComputeJob; readonly attempt: Attempt; readonly by: string }
  | { readonly kind: 'wait'; readonly untilMs: number };

interface Victim {
  readonly job: ComputeJob;
  readonly attempt: Attempt;
  readonly needs: Amount;
  readonly rank: number;
  /** Core-seconds of work that are gone with it. */
  readonly lost: number;
}

interface Choice {
  readonly machine: string;
  readonly victims: readonly Victim[];
}

export function preempt(input: PreemptionInput): PreemptionDecision[] {
  const settled = input.noticed.flatMap((job) => settle(job, input));
  if (input.settings.mode === 'never') return settled;
  const served = new Set(input.noticed.map((job) => job.status?.preemption?.by));
  const used = new Set<string>();
  const notices: PreemptionDecision[] = [];
  for (const stuck of input.stuck) {
    if (stuck.rank < lowestBeneficiary || served.has(stuck.key)) continue;
    const choice = choose(stuck, used, input);
    if (!choice) continue;
    used.add(choice.machine);
    const atMs = input.nowMs + input.settings.noticeMs;
    for (const { job, attempt } of choice.victims) notices.push({ kind: 'notice', job, attempt, by: stuck.key, atMs });
  }
  return [...settled, ...notices];
}

/** What becomes of a notice that was given. */
function settle(job: ComputeJob, { waitingRank, rankOf, nowMs, settings }: PreemptionInput): PreemptionDecision[] {
  const notice = job.status?.preemption;
  const attempt = openAttempt(job);
  if (!notice || !attempt) return [];
  const rank = waitingRank(notice.by);
  if (settings.mode === 'never') return [{ kind: 'callOff', job, message: 'jobs are not ended for others any more' }];
  if (rank === undefined) return [{ kind: 'callOff', job, message: `${notice.by} needs no machine any more` }];
  if (rank <= rankOf(job)) return [{ kind: 'callOff', job, message: `${notice.by} has no higher priority any more` }];
  const atMs = Date.parse(notice.at);
  return atMs > nowMs ? [{ kind: 'wait', untilMs: atMs }] : [{ kind: 'end', job, attempt, by: notice.by }];
}

/** The machine where the least is lost, by priority first; none when one gets free in the time of a notice anyway. */
function choose(stuck: Stuck, used: ReadonlySet<string>, input: PreemptionInput): Choice | undefined {
  const { pool, occupancy, nowMs, settings } = input;
  let best: { choice: Choice; cost: readonly [number, number, number] } | undefined;
  for (const machine of pool.machines) {
    if (stuck.avoids.has(machine.name)) continue;
    if (obstacleOf(machine, machine.offer, stuck.requirement, pool.cpuModels) !== undefined) continue;
    const earliest = earliestOn(machine, stuck.requirement.needs, occupancy, nowMs);
    if (earliest && earliest.atMs <= nowMs + settings.noticeMs && !used.has(machine.name)) return undefined;
    if (used.has(machine.name)) continue;
    const victims = victimsOn(machine, stuck, input);
    if (!victims) continue;
    const cost = [
      Math.max(...victims.map(({ rank }) => rank)),
      victims.reduce((sum, { lost }) => sum + lost, 0),
      victims.length,
    ] as const;
    if (!best || isLess(cost, best.cost)) best = { choice: { machine: machine.name, victims }, cost };
  }
  return best?.choice;
}

/** The fewest that make room there: those of the lowest priority first, then the youngest. */
function victimsOn(machine: Machine, { rank, requirement }: Stuck, input: PreemptionInput): Victim[] | undefined {
  const { pool, occupancy, jobOf, rankOf, nowMs } = input;
  const possible: Victim[] = [];
  for (const { key, job: owner, needs } of pool.guests.get(machine.name) ?? []) {
    const job = owner === undefined ? undefined : jobOf(owner);
    const attempt = job && openAttempt(job);
    if (!job || !attempt || job.status?.preemption || isStopped(job) || job.metadata.deletionTimestamp !== undefined)
      continue;
    // A guest that moves is on two machines; only where its job is, it can be ended to some use.
    if (attempt.node !== machine.name || key !== `${job.metadata.namespace}/${attempt.virtualMachine}`) continue;
    const own = rankOf(job);
    if (own >= rank) continue;
    const seconds = attempt.started === undefined ? 0 : workedSeconds(job, attempt.started, nowMs);
    possible.push({ job, attempt, needs, rank: own, lost: seconds * needs.cores });
  }
  possible.sort((a, b) => a.rank - b.rank || compare(b.attempt.claimed ?? '', a.attempt.claimed ?? ''));
  let free = occupancy.free(machine);
  const chosen: Victim[] = [];
  for (const victim of possible) {
    if (fits(requirement.needs, free)) break;
    free = plus(free, victim.needs);
    chosen.push(victim);
  }
  if (chosen.length === 0 || !fits(requirement.needs, free)) return undefined;
  return withoutNeedless(chosen, occupancy.free(machine), requirement.needs);
}

/** Somebody chosen early may turn out not to be needed beside those chosen later. */
function withoutNeedless(chosen: readonly Victim[], free: Amount, needs: Amount): Victim[] {
  let kept = [...chosen];
  for (const victim of [...chosen].reverse()) {
    const rest = kept.filter((each) => each !== victim);
    if (
      fits(
        needs,
        rest.reduce((sum, each) => plus(sum, each.needs), free),
      )
    )
      kept = rest;
  }
  return kept;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (let index = 0; index < a.length; index++) {
    const [x = 0, y = 0] = [a[index], b[index]];
    if (x !== y) return x < y;
  }
  return false;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
