// Carries out preemption: notice, its end or its calling off, each as one write of the job that makes room.
// Promises: what follows from a notice follows from the status, so it survives a restart; a job that changed meanwhile costs
// another look, never a wrong end.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import type { Deps } from '../deps.ts';
import type { Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import type { LedgerNote } from '../ledger/entry.ts';
import type { Matching } from '../matching/reconcile.ts';
import { inWords } from '../model/duration.ts';
import { workedSeconds } from '../model/job.ts';
import { Floor } from '../queue/floor.ts';
import { lowestBeneficiary, preempt, type PreemptionDecision, type PreemptionSettings, type Stuck } from './decide.ts';
import { calledOffNote, noticeNote, preemptedNote } from './events.ts';
import { createPreemptionMetrics, type PreemptionMetrics } from './metrics.ts';
import { calledOff, noticed, preempted } from './statuses.ts';

/** Waiting jobs that are looked at for each time: those at the front. */
const mostStuck = 8;

export class Preemption {
  readonly #deps: Deps;
  readonly #queue: Pick<Matching, 'register' | 'pass' | 'endOf'>;
  readonly #settings: PreemptionSettings;
  readonly #metrics: PreemptionMetrics;

  constructor(deps: Deps, queue: Pick<Matching, 'register' | 'pass' | 'endOf'>, settings: PreemptionSettings) {
    this.#deps = deps;
    this.#queue = queue;
    this.#settings = settings;
    this.#metrics = createPreemptionMetrics(deps.registry);
  }

  /** False while there is nothing to do for it after a pass: then it need not be brought to work. */
  get concerned(): boolean {
    return this.#queue.register.noticed.size > 0 || (this.#settings.mode !== 'never' && this.#stuck().length > 0);
  }

  readonly reconcile = async (): Promise<Result> => {
    const { world, clock } = this.#deps;
    const { register, endOf } = this.#queue;
    const pool = world.pool();
    const occupancy = new Floor(pool, endOf);
    for (const promised of world.promises.open(pool, clock.now())) occupancy.put(promised.to, promised);
    const decisions = preempt({
      stuck: this.#stuck(),
      noticed: [...register.noticed.values()],
      waitingRank: (key) => register.line.get(key)?.rank,
      rankOf: (job) => register.rankOf(job),
      jobOf: (key) => world.jobs.get(key),
      pool,
      occupancy,
      nowMs: clock.now(),
      settings: this.#settings,
    });
    let againMs: number | undefined;
    for (const decision of decisions) {
      const afterMs = await this.#apply(decision);
      if (afterMs !== undefined) againMs = Math.min(againMs ?? afterMs, afterMs);
    }
    return againMs === undefined ? undefined : { requeueAfterMs: againMs };
  };

  #stuck(): Stuck[] {
    const nowMs = this.#deps.clock.now();
    const stuck: Stuck[] = [];
    for (const { waiter, own } of this.#queue.pass?.waits ?? []) {
      // The line is ordered by rank.
      if (waiter.rank < lowestBeneficiary || stuck.length >= mostStuck) break;
      if (own || this.#queue.register.line.get(waiter.key)?.uid !== waiter.uid) continue;
      const avoids = new Set(waiter.held.filter(({ untilMs }) => untilMs > nowMs).map(({ node }) => node));
      stuck.push({ key: waiter.key, rank: waiter.rank, requirement: waiter.requirement, avoids });
    }
    return stuck;
  }

  /** @returns when to look again, if that is known. */
  async #apply(decision: PreemptionDecision): Promise<number | undefined> {
    const { clock } = this.#deps;
    const nowMs = clock.now();
    const at = microTime(nowMs);
    switch (decision.kind) {
      case 'wait':
        return Math.max(1, decision.untilMs - nowMs);
      case 'notice': {
        const { job, attempt, by, atMs } = decision;
        const message = `${attempt.node} goes to ${by}, which has a higher priority, in ${inWords(atMs - nowMs)}; the job is repeated later`;
        const next = noticed(job, { by, at, endsAt: microTime(atMs), message });
        const wrote = await this.#write(decision.kind, job, next, noticeNote(at, attempt, message));
        return wrote ? Math.max(1, atMs - nowMs) : 0;
      }
      case 'callOff': {
        const message = `the job keeps its machine: ${decision.message}`;
        const next = calledOff(decision.job, { at, message });
        return (await this.#write(decision.kind, decision.job, next, calledOffNote(at, message))) ? undefined : 0;
      }
      case 'end': {
        const { job, attempt, by } = decision;
        const { started } = attempt;
        const secondsLost = started === undefined ? undefined : workedSeconds(job, started, nowMs);
        const message = `ended on ${attempt.node} for ${by}, which has a higher priority`;
        const next = preempted(job, { at, message, secondsLost });
        const note = preemptedNote(at, attempt, { message, secondsLost });
        return (await this.#write(decision.kind, job, next, note)) ? undefined : 0;
      }
    }
  }

  /** @returns false when the job is another one by now. */
  async #write(
    kind: 'notice' | 'callOff' | 'end',
    job: ComputeJob,
    next: ComputeJobStatus,
    note: LedgerNote,
  ): Promise<boolean> {
    const { writer, ledger, log } = this.#deps;
    try {
      await writer.status(job, next);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      return false;
    }
    this.#metrics.happened(kind);
    log.info({ job: `${job.metadata.namespace}/${job.metadata.name}`, kind }, note.message);
    ledger.record(job, note);
    return true;
  }
}
