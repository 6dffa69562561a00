// Every claim, at the moment it is written: the machine was open and had room, its owner was away, and nobody who should have
// been served first could have used it.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Namespace, Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, namespaces, nodes } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { durationMs } from '@idlewild/operator/model/duration.ts';
import type { Write } from '../api/memory-api.ts';
import { operatorName } from '../world/simulation.ts';
import { staleMs, type Check, type CheckContext } from './check.ts';
import {
  closedBecause,
  covers,
  isOver,
  needOf,
  none,
  openAttemptOf,
  priorityOf,
  suits,
  sum,
  type JobAttempt,
} from './facts.ts';

/** Only jobs that have been in line for this long are compared: a pass may have begun before they came. */
const seenMs = 5_000;
/** So many of those who were passed over are looked at per claim: the first in line of each kind matter. */
const mostCompared = 40;

/** Words of a waiting job that say why it does not take what is free. */
const excuses = new Set(['RetryBackoff', 'RoomRecovering', 'SecretMissing', 'HeldAgainst']);

export class ClaimChecks implements Check {
  claims = 0;
  readonly #o: CheckContext;
  /** Namespaces that have been given a machine within memory, by when that was last. */
  readonly #servedMs = new Map<string, number>();
  /** Namespaces of which a job has ended by itself: what the lab took away is not charged. */
  readonly #charged = new Set<string>();

  constructor(o: CheckContext) {
    this.#o = o;
  }

  saw({ type, kind, object, previous, user }: Write, atMs: number): void {
    if (kind.type.plural !== computeJobs.plural || type !== 'MODIFIED' || user !== operatorName) return;
    const [job, before] = [object as unknown as ComputeJob, previous as unknown as ComputeJob];
    if (isOver(job)) this.#charged.add(job.metadata.namespace ?? '');
    const attempt = openAttemptOf(job);
    if (!attempt || (before.status?.attempts?.length ?? 0) >= (job.status?.attempts?.length ?? 0)) return;
    this.claims++;
    const node = this.#o.simulation.api.get<Node>(nodes, { name: attempt.node });
    if (!node) {
      this.#accuse('claims', job, attempt, 'is no machine');
      return;
    }
    this.#allowed(job, attempt, node, atMs);
    this.#justified(job, attempt, node, atMs);
    this.#delaysNobody(job, attempt, node);
    this.#servedMs.set(job.metadata.namespace ?? '', atMs);
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
    for (const { key, waiting, atMs } of this.#keptFor(attempt.node)) {
      if (key === keyOf(job) || covers(this.#o.bookings.leftAt(node, atMs), needOf(waiting))) continue;
      const when = new Date(atMs).toISOString();
      this.#accuse('backfill', job, attempt, `is kept for ${key}, which could not have it at ${when} any more`);
    }
  }

  /** The jobs for which the operator keeps the machine, and from when on. */
  #keptFor(machine: string): { key: string; waiting: ComputeJob; atMs: number }[] {
    return [...this.#o.simulation.operator.program.reservations()].flatMap(([key, reservation]) => {
      const waiting = this.#o.waiting.get(key);
      const { atMs } = reservation;
      return reservation.machine === machine && waiting && atMs !== undefined ? [{ key, waiting, atMs }] : [];
    });
  }

  /** It lasts too long for a machine that is kept for somebody else, and there is no room for both. */
  #wouldDelay(other: ComputeJob, node: Node): boolean {
    const { walltime, startDeadline } = other.spec;
    const lasts = walltime === undefined ? Number.POSITIVE_INFINITY : durationMs(walltime) + durationMs(startDeadline);
    return this.#keptFor(node.metadata.name).some(({ key, waiting, atMs }) => {
      if (key === keyOf(other) || this.#o.clock.now() + lasts <= atMs) return false;
      return !covers(this.#o.bookings.leftAt(node, atMs), sum(needOf(waiting), needOf(other)));
    });
  }

  #justified(job: ComputeJob, attempt: JobAttempt, node: Node, atMs: number): void {
    const key = keyOf(job);
    const free = this.#o.bookings.freeOn(node, `${job.metadata.namespace}/${attempt.virtualMachine}`);
    const own = this.#standing(job);
    let compared = 0;
    for (const [otherKey, other] of this.#o.waiting) {
      if (otherKey === key || compared >= mostCompared) continue;
      const publishedMs = Date.parse(other.status?.publication?.at ?? '');
      if (!(publishedMs + seenMs < this.#o.clock.now())) continue;
      const { priority, namespace } = this.#standing(other);
      const why =
        priority > own.priority
          ? `its priority is ${priority}, not ${own.priority}`
          : priority < own.priority
            ? undefined
            : namespace === own.namespace
              ? publishedMs < own.publishedMs && sameNeeds(job, other)
                ? 'it asks for the same and was published earlier'
                : undefined
              : !this.#servedMs.has(namespace) && this.#charged.has(own.namespace)
                ? `its namespace ${namespace} has never been served`
                : undefined;
      if (why === undefined) continue;
      compared++;
      if (!suits(node, other) || !covers(free, needOf(other)) || excused(other, node.metadata.name)) continue;
      if (this.#wouldDelay(other, node)) continue;
      this.#later(job, attempt, otherKey, why, atMs);
    }
  }

  /** Whoever was passed over may get another machine in the same pass; what counts is that it still waits afterwards. */
  #later(job: ComputeJob, attempt: JobAttempt, otherKey: string, why: string, atMs: number): void {
    this.#o.clock.setTimeout(() => {
      const other = this.#o.waiting.get(otherKey);
      if (!other || excused(other, attempt.node)) return;
      const { namespace, name } = job.metadata;
      const words = `${namespace}/${name} got ${attempt.node}, which ${otherKey} could have used: ${why}`;
      this.#o.accuse('queue order', `${words} (claimed ${Math.round(atMs / 1000)} s after the beginning)`, [
        `${namespace}/${name} `,
        `${otherKey} `,
      ]);
    }, staleMs);
  }

  #standing(job: ComputeJob): { priority: number; namespace: string; publishedMs: number } {
    const namespace = job.metadata.namespace ?? '';
    const labels = this.#o.simulation.api.get<Namespace>(namespaces, { name: namespace })?.metadata.labels;
    return {
      priority: priorityOf(job, labels?.['idlewild.dev/max-priority']),
      namespace,
      publishedMs: Date.parse(job.status?.publication?.at ?? ''),
    };
  }

  #accuse(invariant: string, job: ComputeJob, { node }: JobAttempt, what: string): void {
    this.#o.accuse(invariant, `${keyOf(job)} claimed ${node}, which ${what}`, [`${keyOf(job)} `, node]);
  }
}

function sameNeeds(a: ComputeJob, b: ComputeJob): boolean {
  return JSON.stringify([a.spec.resources, a.spec.placement]) === JSON.stringify([b.spec.resources, b.spec.placement]);
}

function excused({ status }: ComputeJob, machine: string): boolean {
  const failed = status?.attempts?.some(({ node, reason }) => node === machine && reason === 'StartFailed') === true;
  return failed || excuses.has(status?.reason ?? '') || (status?.failures ?? 0) > 0 || status?.preemption !== undefined;
}
