// Machines that the operator keeps for jobs that fit nowhere yet, and whom that shuts out.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { durationMs } from '@idlewild/operator/model/duration.ts';
import type { CheckContext } from './check.ts';
import { covers, needOf, sum } from './facts.ts';

export interface Kept {
  /** Of the job that it is kept for. */
  readonly key: string;
  readonly waiting: ComputeJob;
  /** From when on, ms since the epoch. */
  readonly atMs: number;
}

export class Keeping {
  readonly #o: CheckContext;

  constructor(o: CheckContext) {
    this.#o = o;
  }

  /** Whether it is kept for anybody, known from when on or not. */
  isKept(machine: string): boolean {
    return [...this.#o.simulation.operator.program.reservations().values()].some((each) => each.machine === machine);
  }

  /** The jobs for which the operator keeps the machine, and from when on. */
  keptFor(machine: string): Kept[] {
    return [...this.#o.simulation.operator.program.reservations()].flatMap(([key, reservation]) => {
      const waiting = this.#o.waiting.get(key);
      const { atMs } = reservation;
      return reservation.machine === machine && waiting && atMs !== undefined ? [{ key, waiting, atMs }] : [];
    });
  }

  /** It lasts too long for a machine that is kept for somebody else, and there is no room for both. */
  wouldDelay(other: ComputeJob, node: Node): boolean {
    const { walltime, startDeadline } = other.spec;
    const lasts = walltime === undefined ? Number.POSITIVE_INFINITY : durationMs(walltime) + durationMs(startDeadline);
    return this.keptFor(node.metadata.name).some(({ key, waiting, atMs }) => {
      if (key === keyOf(other) || this.#o.clock.now() + lasts <= atMs) return false;
      return !covers(this.#o.bookings.leftAt(node, atMs), sum(needOf(waiting), needOf(other)));
    });
  }
}
