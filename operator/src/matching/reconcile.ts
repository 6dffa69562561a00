// Carries out matching: one pass over the whole pool per change, one claim at a time.
// Promises: a claim is written, with the version it was decided on as a precondition, before anything is made for it; a job
// that changed meanwhile costs another pass, never a second claim.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import { addFinalizer } from '../api/meta.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { filesOf, hasSecretFiles } from '../lifecycle/files.ts';
import { isUnclaimed, type Subscriber } from '../model/job.ts';
import { finalizer } from '../model/names.ts';
import type { WaitReason } from '../model/reasons.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import { matchJobs, type MatchingDecision, type MatchingSettings } from './decide.ts';
import { claimedNote, publishedNote, waitingNote } from './events.ts';
import { createMatchingMetrics, type MatchingMetrics } from './metrics.ts';

/** How often a Secret that is missing is looked for, and how often runners-up of one job are written at most. */
const secretPollMs = 1_000;
const runnersUpPauseMs = 3_000;

export class Matching {
  readonly #deps: Deps;
  readonly #settings: MatchingSettings;
  readonly #metrics: MatchingMetrics;
  /** By job uid: when its runners-up were last written, monotonic ms. */
  readonly #runnersUpAt = new Map<string, number>();

  constructor(deps: Deps, settings: MatchingSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#metrics = createMatchingMetrics(deps.registry);
  }

  readonly reconcile = async (_key: string, { log }: ReconcileContext): Promise<Result> => {
    const { world, clock } = this.#deps;
    // 1 snapshot
    const jobs = world.jobs.list();
    const missing = await this.#missing(jobs);
    const input = { pool: world.pool(), jobs, missing, nowMs: clock.now(), settings: this.#settings };
    // 2 decide
    const decisions = matchJobs(input);
    // 3 apply
    let again: number | undefined = missing.size > 0 ? secretPollMs : undefined;
    const soonest = (ms: number | undefined): void => {
      if (ms !== undefined) again = Math.min(again ?? ms, ms);
    };
    for (const decision of decisions) {
      try {
        soonest(await this.#apply(decision));
      } catch (error) {
        // The job changed or went while we decided: the next pass sees what it is now.
        if (!isConflict(error) && !isNotFound(error)) throw error;
        log.debug({ job: decision.job.metadata.name, kind: decision.kind }, 'the job changed meanwhile');
        soonest(20);
      }
    }
    // 4 tell
    const byReason = new Map<WaitReason, number>();
    for (const decision of decisions) {
      if (decision.kind === 'wait') byReason.set(decision.reason, (byReason.get(decision.reason) ?? 0) + 1);
    }
    this.#metrics.waiting(byReason);
    this.#forgetGone(jobs);
    return { requeueAfterMs: again };
  };

  async #missing(jobs: readonly ComputeJob[]): Promise<Map<string, string>> {
    const missing = new Map<string, string>();
    for (const job of jobs) {
      if (!hasSecretFiles(job) || !isUnclaimed(job)) continue;
      const files = await filesOf(this.#deps.client, job);
      if (files.kind === 'missing') missing.set(job.metadata.uid ?? '', files.message);
    }
    return missing;
  }

  /** @returns when to look again, if that is known. */
  async #apply(decision: MatchingDecision): Promise<number | undefined> {
    const { clock, writer, newId, log } = this.#deps;
    const { job } = decision;
    const at = microTime(clock.now());
    const key = `${job.metadata.namespace}/${job.metadata.name}`;
    switch (decision.kind) {
      case 'publish': {
        const finalizers = addFinalizer(job, finalizer);
        const kept = finalizers ? await writer.finalizers(job, finalizers) : job;
        const id = newId().slice(0, 8);
        // The moment of publication is the write's, so that the order in line is the order of publication.
        const publication = { id, at: microTime(clock.now()) };
        await writer.status(kept, status.published(kept, publication));
        this.#deps.ledger.record(kept, publishedNote(publication.at, id));
        log.info({ job: key, id }, 'published');
        return 0;
      }
      case 'claim': {
        const { node, reason, message } = decision;
        const next = status.claimed(job, { node, reason, message, at, subscribers: [...decision.subscribers] });
        const written = await writer.status(job, next);
        const attempt = written.status?.attempt ?? 1;
        log.info({ job: key, attempt, node, reason, message }, 'claimed');
        this.#deps.ledger.record(job, claimedNote({ ...decision, at, attempt }));
        const publishedAt = Date.parse(job.status?.publication?.at ?? at);
        if (attempt === 1) this.#metrics.claimed(reason, Date.parse(at) - publishedAt);
        return undefined;
      }
      case 'wait': {
        const { reason, message, waiting } = decision;
        const next = status.waiting(job, { reason, message, waiting, at });
        if (job.status?.reason !== reason) {
          log.info({ job: key, reason, message }, 'waits');
          this.#deps.ledger.record(job, waitingNote(at, reason, message));
        }
        await writer.status(job, next);
        return decision.retryInMs;
      }
      case 'keepRunnersUp':
        return this.#keepRunnersUp(job, [...decision.subscribers]);
    }
  }

  async #keepRunnersUp(job: ComputeJob, subscribers: Subscriber[]): Promise<number | undefined> {
    const uid = job.metadata.uid ?? '';
    const now = this.#deps.clock.monotonic();
    const due = (this.#runnersUpAt.get(uid) ?? -runnersUpPauseMs) + runnersUpPauseMs;
    if (due > now) return due - now;
    this.#runnersUpAt.set(uid, now);
    const next: ComputeJobStatus = status.subscribed(job, subscribers);
    await this.#deps.writer.status(job, next);
    return undefined;
  }

  #forgetGone(jobs: readonly ComputeJob[]): void {
    const uids = new Set(jobs.map(({ metadata }) => metadata.uid));
    for (const uid of this.#runnersUpAt.keys()) if (!uids.has(uid)) this.#runnersUpAt.delete(uid);
  }
}
