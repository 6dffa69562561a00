// Every claim, at the moment it is written: the machine was open and had room, its owner was away, and nobody for whom it is kept
// has to wait longer.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, nodes } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import { operatorName } from '../world/simulation.ts';
import { staleMs, type Check, type CheckContext } from './check.ts';
import { closedBecause, covers, needOf, none, openAttemptOf, suits, type JobAttempt } from './facts.ts';
import type { Keeping } from './keeping.ts';

export class ClaimChecks implements Check {
  claims = 0;
  readonly #o: CheckContext;
  readonly #keeping: Keeping;

  constructor(o: CheckContext, keeping: Keeping) {
    this.#o = o;
    this.#keeping = keeping;
  }

  saw({ type, kind, object, previous, user }: Write, atMs: number): void {
    if (kind.type.plural !== computeJobs.plural || user !== operatorName) return;
    const job = object as unknown as ComputeJob;
    const attempt = claimIn(type, job, previous as unknown as ComputeJob);
    if (!attempt) return;
    this.claims++;
    const node = this.#o.simulation.api.get<Node>(nodes, { name: attempt.node });
    if (!node) {
      this.#accuse('claims', job, attempt, 'is no machine');
      return;
    }
    this.#allowed(job, attempt, node, atMs);
    this.#delaysNobody(job, attempt, node);
  }

  #allowed(job: ComputeJob, attempt: JobAttempt, node: Node, atMs: number): void {
    const calm = atMs - this.#o.bookings.nodeChangedMs(node.metadata.name) > staleMs;
    const closed = closedBecause(node, this.#o.clock.now());
    if (closed !== undefined && calm) this.#accuse('claims', job, attempt, `is closed (${closed})`);
    if (!suits(node, job)) this.#accuse('claims', job, attempt, 'is of another kind than the job asks for');
    // The claim itself is booked already.
    const free = this.#o.bookings.freeOn(node);
    if (!covers(free, none)) {
      const booked = this.#o.bookings.on(node.metadata.name);
      this.#accuse(
        'lent share',
        job,
        attempt,
        `is promised beyond what it lends: ${JSON.stringify(free)} is left with ${booked}`,
      );
    }
  }

  /** Whoever is let onto a machine that is kept is gone, by its walltime, when the other comes; or there is room for both. */
  #delaysNobody(job: ComputeJob, attempt: JobAttempt, node: Node): void {
    for (const { key, waiting, atMs } of this.#keeping.keptFor(attempt.node)) {
      if (key === keyOf(job) || covers(this.#o.bookings.leftAt(node, atMs), needOf(waiting))) continue;
      const when = new Date(atMs).toISOString();
      this.#accuse('backfill', job, attempt, `is kept for ${key}, which could not have it at ${when} any more`);
    }
  }

  #accuse(invariant: string, job: ComputeJob, { node }: JobAttempt, what: string): void {
    this.#o.accuse(invariant, `${keyOf(job)} claimed ${node}, which ${what}`, [`${keyOf(job)} `, node]);
  }
}

/** The attempt that the write began. */
export function claimIn(type: Write['type'], job: ComputeJob, before: ComputeJob): JobAttempt | undefined {
  if (type !== 'MODIFIED') return undefined;
  const attempt = openAttemptOf(job);
  return (before.status?.attempts?.length ?? 0) < (job.status?.attempts?.length ?? 0) ? attempt : undefined;
}
