// Every job ends, or waits for a reason that it states and that is true; an attempt without a living guest is not left open.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, nodes } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { durationMs } from '@idlewild/operator/model/duration.ts';
import type { Write } from '../api/memory-api.ts';
import { operatorName } from '../world/simulation.ts';
import { staleMs, type Check, type CheckContext } from './check.ts';
import {
  closedBecause,
  covers,
  hasTaint,
  isOwnerThere,
  isReady,
  lentBy,
  needOf,
  openAttemptOf,
  ownReasons,
  suits,
} from './facts.ts';
import type { GuestChecks } from './guests.ts';

/** A free machine must be taken within this time. */
const takenMs = 90_000;
/** A job must have said why it waits by then. */
const saidMs = 30_000;
/** After its guest is dead an attempt may stay open for so long: the log is given time, and so is a silent machine. */
const deadMs = 5 * 60_000;
const overdueMs = 3 * 60_000;

/** Reasons not to take a machine that suits and has room. */
const excuses: ReadonlySet<string> = new Set([...ownReasons, 'ReservedForEarlier']);

export class WaitingChecks implements Check {
  readonly #o: CheckContext;
  readonly #guests: GuestChecks;
  readonly #diedMs = new Map<string, number>();
  /** When machines that had been silent were heard again. */
  readonly #heardMs = new Map<string, number>();

  constructor(o: CheckContext, guests: GuestChecks) {
    this.#o = o;
    this.#guests = guests;
    o.simulation.kubeVirt.hosts.watch({ heard: ({ name }) => void this.#heardMs.set(name, o.clock.monotonic()) });
    o.simulation.kubeVirt.guests.watch({ ended: ({ job }) => void this.#diedMs.set(job, o.clock.monotonic()) });
  }

  saw({ type, kind, object, previous, user }: Write, atMs: number): void {
    if (kind.type.plural !== computeJobs.plural) return;
    if (type === 'DELETED') this.#diedMs.delete(keyOf(object));
    if (type !== 'MODIFIED' || user !== operatorName) return;
    const [job, before] = [object as unknown as ComputeJob, previous as unknown as ComputeJob | undefined];
    const { waiting } = job.status ?? {};
    if (waiting && waiting !== before?.status?.waiting) this.#isTrue(job, atMs);
  }

  look(atMs: number): void {
    for (const [key, job] of this.#o.waiting) {
      const publishedMs = Date.parse(job.metadata.creationTimestamp ?? '');
      if (this.#o.clock.now() - publishedMs < saidMs) continue;
      if (job.status?.waiting?.message === undefined) {
        this.#accuse('stated reason', key, `has waited since ${job.metadata.creationTimestamp} and does not say why`);
      }
      const machine = this.#couldTake(job);
      if (machine !== undefined) this.#stillFree(key, machine);
    }
    for (const job of this.#o.simulation.api.list<ComputeJob>(computeJobs)) this.#goesOn(job, atMs);
  }

  #stillFree(key: string, machine: string): void {
    const attempts = this.#o.waiting.get(key)?.status?.attempts?.length ?? 0;
    const since = this.#o.clock.monotonic();
    this.#o.clock.setTimeout(() => {
      const job = this.#o.waiting.get(key);
      if (!job || (job.status?.attempts?.length ?? 0) !== attempts) return;
      // Free all the time, not free again.
      if (this.#couldTake(job) === undefined || this.#o.bookings.changedMs(machine) > since) return;
      const { message } = job.status?.waiting ?? {};
      this.#accuse(
        'jobs are served',
        key,
        `waits ("${message}"), but ${machine} could have taken it for ${takenMs / 1000} s`,
      );
    }, takenMs);
  }

  /** A machine that is open, suits and has room, unless the job says that it has to wait for another reason. */
  #couldTake(job: ComputeJob): string | undefined {
    const reasons = [job.status?.reason ?? '', ...(job.status?.waiting?.reasons ?? []).map(({ reason }) => reason)];
    if (reasons.some((reason) => excuses.has(reason))) return undefined;
    const need = needOf(job);
    for (const node of this.#o.simulation.api.list<Node>(nodes)) {
      if (!suits(node, job) || closedBecause(node, this.#o.clock.now()) !== undefined) continue;
      if (covers(this.#o.bookings.freeOn(node), need)) return node.metadata.name;
    }
    return undefined;
  }

  /** Each machine that is named as an obstacle is one. */
  #isTrue(job: ComputeJob, atMs: number): void {
    for (const { reason, names = [] } of job.status?.waiting?.reasons ?? []) {
      for (const name of names) {
        const node = this.#o.simulation.api.get<Node>(nodes, { name });
        if (!node || atMs - this.#o.bookings.changedMs(name) <= staleMs) continue;
        if (this.#holds(reason, node, job)) continue;
        this.#accuse('true reasons', keyOf(job), `says that ${name} is excluded by ${reason}, which is not so`, name);
      }
    }
  }

  #holds(reason: string, node: Node, job: ComputeJob): boolean {
    const need = needOf(job);
    const free = this.#o.bookings.freeOn(node);
    const lent = lentBy(node);
    switch (reason) {
      case 'OwnerPresent':
        return isOwnerThere(node);
      case 'Cordoned':
        return node.spec?.unschedulable === true;
      case 'MachineLost':
        return hasTaint(node, 'idlewild.dev/lost');
      case 'NotReady':
        return !isReady(node) || this.#isSilent(node.metadata.name);
      case 'WrongArchitecture':
      case 'WrongRoom':
      case 'LabelMismatch':
      case 'NotDedicated':
        return !suits(node, job);
      case 'InsufficientCores':
        return Math.min(free.cores, lent.cores) < need.cores;
      case 'InsufficientMemory':
        return Math.min(free.memoryMiB, lent.memoryMiB) < need.memoryMiB;
      case 'InsufficientDisk':
        return Math.min(free.diskMiB, lent.diskMiB) < need.diskMiB;
      default:
        return true;
    }
  }

  /** Or was until a moment ago. */
  #isSilent(machine: string): boolean {
    const { clock, simulation } = this.#o;
    if (!simulation.kubeVirt.hosts.isReachable(machine)) return true;
    return clock.monotonic() - (this.#heardMs.get(machine) ?? Number.NEGATIVE_INFINITY) <= staleMs;
  }

  /** An open attempt has a living guest, or has not had the time to notice; and it keeps to its deadlines. */
  #goesOn(job: ComputeJob, atMs: number): void {
    const attempt = openAttemptOf(job);
    if (!attempt || job.metadata.deletionTimestamp !== undefined) return;
    const key = keyOf(job);
    const now = this.#o.clock.now();
    const claimedMs = Date.parse(attempt.claimed ?? '');
    const { startDeadline, walltime } = job.spec;
    if (attempt.started === undefined) {
      const over = claimedMs + this.#guests.stillMs(key) + durationMs(startDeadline) + overdueMs < now;
      if (over) this.#accuse('deadlines', key, `was claimed at ${attempt.claimed} and never started`, attempt.node);
      return;
    }
    // Counted on the guest itself: it is not charged for standing still.
    const startedMs = Date.parse(attempt.started) + this.#guests.stillMs(key);
    if (walltime !== undefined && startedMs + durationMs(walltime) + overdueMs < now) {
      this.#accuse('deadlines', key, `goes on beyond its walltime of ${walltime}`, attempt.node);
    }
    const diedMs = this.#diedMs.get(key) ?? 0;
    if (!this.#guests.isAlive(key) && atMs - diedMs > deadMs && now - claimedMs > deadMs) {
      this.#accuse('jobs go on', key, `counts as running on ${attempt.node}, but has no living guest`, attempt.node);
    }
  }

  #accuse(invariant: string, key: string, what: string, machine?: string): void {
    this.#o.accuse(invariant, `${key} ${what}`, [`${key} `, `${key}-`, ...(machine === undefined ? [] : [machine])]);
  }
}
