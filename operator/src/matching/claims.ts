// Carries the claims of a pass to the API server.
// Promises: room is promised before the first await, and the job leaves the line at once; a claim is written with the version
// of the job that it was decided on; what fails gives the room back and is told to whoever asked.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Deps } from '../deps.ts';
import { attemptsOf } from '../model/job.ts';
import { vmName } from '../model/names.ts';
import { priorityOfRank } from '../queue/priority.ts';
import type { Register } from '../queue/register.ts';
import type { Promised } from '../world/promises.ts';
import type { Claim } from './claim.ts';
import { claimedNote } from './events.ts';
import type { MatchingMetrics } from './metrics.ts';
import { claimedStatus, type Stamp } from './statuses.ts';
import type { WriteGate } from './write-gate.ts';

export interface ClaimsOptions {
  readonly deps: Deps;
  readonly register: Register;
  readonly gate: WriteGate;
  readonly metrics: MatchingMetrics;
  /** The job as it is now, if it still is what was decided on. */
  readonly still: (decided: ComputeJob) => ComputeJob | undefined;
  /** @param before the job as it was. */
  readonly onClaimed: (before: ComputeJob, stamp: Stamp) => void;
}

export class Claims {
  readonly #o: ClaimsOptions;
  /** By job key: claims that are on their way. */
  readonly #sent = new Map<string, Promised>();

  constructor(options: ClaimsOptions) {
    this.#o = options;
  }

  /** A claim of that job is on its way. */
  has(key: string): boolean {
    return this.#sent.has(key);
  }

  /** @param at of the decision; RFC 3339, microseconds. */
  send(claim: Claim, at: string): void {
    const { deps, register, gate } = this.#o;
    const { job, key, namespace, requirement, longestMs } = claim.waiter;
    const stamp: Stamp = { id: deps.newId().slice(0, 8), at };
    register.assume({ ...job, status: claimedStatus(job, claim, stamp) });
    const number = (attemptsOf(job).at(-1)?.number ?? 0) + 1;
    const promised = deps.world.promises.make({
      ...{ kind: 'claim', job: key, to: claim.node, needs: requirement.needs },
      guest: `${namespace}/${vmName(job.metadata.name, number)}`,
      endsAtMs: longestMs === undefined ? undefined : Date.parse(at) + longestMs,
    });
    this.#sent.set(key, promised);
    gate.put(key, 'claim', () => this.#write(claim, stamp));
  }

  /** The write of that job has ended, well or not. */
  ended(key: string): void {
    const promised = this.#sent.get(key);
    if (!promised) return;
    this.#sent.delete(key);
    // Does nothing for a claim that was written.
    this.#o.deps.world.promises.withdraw(promised);
  }

  async #write(claim: Claim, stamp: Stamp): Promise<void> {
    const { deps, still, onClaimed, metrics } = this.#o;
    const { writer, ledger, log } = deps;
    const { waiter, node, reason, message } = claim;
    const job = still(waiter.job);
    if (!job) return;
    const written = await writer.status(job, claimedStatus(job, claim, stamp));
    const promised = this.#sent.get(waiter.key);
    if (promised) deps.world.promises.fulfilled(promised);
    const attempt = written.status?.attempt ?? 1;
    log.info({ job: waiter.key, attempt, node, reason, message }, 'claimed');
    onClaimed(job, stamp);
    ledger.record(job, claimedNote({ ...claim, at: stamp.at, attempt }));
    const priority = priorityOfRank(waiter.rank);
    metrics.claimed(reason, priority);
    const publishedMs = Date.parse(job.status?.publication?.at ?? job.metadata.creationTimestamp ?? stamp.at);
    if (attempt === 1) metrics.waited(priority, Math.max(0, Date.parse(stamp.at) - publishedMs));
  }
}
