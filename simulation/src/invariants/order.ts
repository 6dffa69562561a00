// Queue order: nobody got a machine that somebody before them in line could have used. The line is worked out once more for each
// pass over it from docs/queue.md: priority, then what the namespace has used (faded, of the larger of both resources, by its
// weight), then age.
// Promises: what cannot be known from outside (who was in line in that very moment, who waited for something of its own) is
// taken to excuse the operator; shares no code with its queue.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Namespace, Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, namespaces, nodes } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import { operatorName } from '../world/simulation.ts';
import { staleMs, type Check, type CheckContext } from './check.ts';
import {
  covers,
  difference,
  lentBy,
  needOf,
  none,
  ownReasons,
  priorityOf,
  suits,
  sum,
  type JobAttempt,
  type Share,
} from './facts.ts';
import { claimIn } from './claims.ts';
import type { Keeping } from './keeping.ts';
import { ahead, more, NamespaceUsage, type Used } from './usage.ts';

/** Only jobs that have been in line for this long are compared: a pass may have begun before they came. */
const seenMs = 5_000;
/** So many of those who were passed over are looked at per claim: the first in line of each namespace matter. */
const mostCompared = 40;
/** Sums of doubles in another order differ in their last digits. */
const rounding = 1e-9;

/** A job in line. */
interface Placed {
  readonly key: string;
  readonly job: ComputeJob;
  readonly priority: number;
  /** Sorts by age. */
  readonly age: string;
  readonly need: Share;
  /** It was in line in that pass, and waited for nothing but a machine. */
  readonly sure: boolean;
}

/** What of a job stays as it is until it is written again. */
interface Reading {
  readonly need: Share;
  readonly age: string;
  /** Since when it has waited this time, ms since the epoch. */
  readonly sinceMs: number;
  readonly excused: boolean;
}

export class OrderChecks implements Check {
  readonly #o: CheckContext;
  readonly #keeping: Keeping;
  readonly #usage = new NamespaceUsage();
  /** By key: jobs that left the line with a claim within memory. */
  readonly #claimed = new Map<string, { readonly job: ComputeJob; readonly atMs: number }>();
  readonly #readings = new WeakMap<ComputeJob, Reading>();
  readonly #lent = new Map<string, Share>();
  #pool = none;
  #poolChangedMs = 0;

  constructor(o: CheckContext, keeping: Keeping) {
    this.#o = o;
    this.#keeping = keeping;
  }

  saw({ type, kind, object, previous, user }: Write, atMs: number): void {
    if (kind.type.plural === nodes.plural) this.#sawNode(type, object as unknown as Node);
    if (kind.type.plural !== computeJobs.plural) return;
    const job = object as unknown as ComputeJob;
    this.#usage.saw(type, job, this.#o.clock.now());
    const attempt = user === operatorName ? claimIn(type, job, previous as unknown as ComputeJob) : undefined;
    if (!attempt) return;
    this.#claimed.set(keyOf(job), { job: previous as unknown as ComputeJob, atMs });
    const node = this.#o.simulation.api.get<Node>(nodes, { name: attempt.node });
    if (node) this.#justified(job, attempt, node, atMs);
  }

  look(atMs: number): void {
    for (const [key, claim] of this.#claimed) if (atMs - claim.atMs > seenMs) this.#claimed.delete(key);
  }

  #sawNode(type: Write['type'], node: Node): void {
    const { name } = node.metadata;
    const [before, after] = [this.#lent.get(name) ?? none, type === 'DELETED' ? none : lentBy(node)];
    this.#lent.set(name, after);
    if (before.cores === after.cores && before.memoryMiB === after.memoryMiB) return;
    this.#pool = sum(difference(this.#pool, before), after);
    this.#poolChangedMs = this.#o.clock.now();
  }

  #justified(job: ComputeJob, attempt: JobAttempt, node: Node, atMs: number): void {
    // All claims of a pass carry its time, in ms; their order is in what is smaller.
    const passMs = Date.parse(attempt.claimed ?? '');
    if (passMs - this.#poolChangedMs <= staleMs) return;
    const line = this.#line(passMs);
    const own = line.get(job.metadata.namespace ?? '')?.find(({ key }) => key === keyOf(job));
    if (!own) return;
    const ownTurn = this.#turn(line, own, passMs).least;
    const free = this.#o.bookings.freeOn(node, `${job.metadata.namespace}/${attempt.virtualMachine}`);
    const again = attempt.number > 1 && this.#keeping.isKept(attempt.node);
    let looked = 0;
    for (const [namespace, places] of line) {
      if (this.#isUnsettled(namespace, own, passMs)) continue;
      for (const other of places) {
        if (other === own || other.priority < own.priority || !other.sure || !this.#o.waiting.has(other.key)) continue;
        if (!suits(node, other.job) || !covers(free, other.need) || excused(other.job, attempt.node)) continue;
        // What was promised to a job while it had to leave is its own to take, kept or not.
        if (again || this.#keeping.wouldDelay(other.job, node)) continue;
        if (looked++ >= mostCompared) return;
        const why = this.#isBefore(line, other, { own, ownTurn, passMs });
        if (why !== undefined) this.#later(job, attempt, other, why, atMs);
      }
    }
  }

  /** Why the other one, of no lower priority, surely comes first; undefined when it does not. */
  #isBefore(
    line: ReadonlyMap<string, readonly Placed[]>,
    other: Placed,
    { own, ownTurn, passMs }: { readonly own: Placed; readonly ownTurn: number; readonly passMs: number },
  ): string | undefined {
    if (other.priority > own.priority) return `its priority is ${other.priority}, not ${own.priority}`;
    if (other.job.metadata.namespace === own.job.metadata.namespace) {
      return other.age < own.age ? `it is older, of ${other.age}` : undefined;
    }
    const turn = this.#turn(line, other, passMs).most;
    if (turn >= ownTurn * (1 - rounding)) return undefined;
    const hours = (share: number): string => (share / 3_600_000).toPrecision(6);
    return `its namespace had its turn at ${hours(turn)} pool hours, the other's at ${hours(ownTurn)}`;
  }

  /** What its namespace has used by then, when everybody of it who is before the job has been served. */
  #turn(
    line: ReadonlyMap<string, readonly Placed[]>,
    placed: Placed,
    passMs: number,
  ): { readonly least: number; readonly most: number } {
    const namespace = placed.job.metadata.namespace ?? '';
    let least = this.#usage.at(namespace, passMs);
    let most = least;
    for (const each of line.get(namespace) ?? []) {
      if (each.priority < placed.priority || (each.priority === placed.priority && each.age >= placed.age)) continue;
      most = more(most, ahead(each.need));
      if (each.sure) least = more(least, ahead(each.need));
    }
    const weight = Number(this.#labelsOf(namespace)['idlewild.dev/weight'] ?? 1);
    return { least: this.#share(least) / weight, most: this.#share(most) / weight };
  }

  #share({ cores, memoryMiB }: Used): number {
    return Math.max(cores / this.#pool.cores, memoryMiB / this.#pool.memoryMiB);
  }

  /** Who was or may have been in line, by namespace. */
  #line(passMs: number): Map<string, Placed[]> {
    const line = new Map<string, Placed[]>();
    const place = (key: string, job: ComputeJob): void => {
      const { namespace = '' } = job.metadata;
      const places = line.get(namespace) ?? [];
      line.set(namespace, places);
      const { need, age, sinceMs, excused: waits } = this.#readingOf(key, job);
      const priority = priorityOf(job, this.#labelsOf(namespace)['idlewild.dev/max-priority']);
      places.push({ key, job, need, age, priority, sure: !waits && sinceMs + seenMs < passMs });
    };
    for (const [key, job] of this.#o.waiting) place(key, job);
    for (const [key, { job }] of this.#claimed) {
      const claimed = this.#o.simulation.api.get<ComputeJob>(computeJobs, {
        namespace: job.metadata.namespace,
        name: job.metadata.name,
      });
      if (!this.#o.waiting.has(key) && Date.parse(claimed?.status?.attempts?.at(-1)?.claimed ?? '') >= passMs) {
        place(key, job);
      }
    }
    return line;
  }

  #readingOf(key: string, job: ComputeJob): Reading {
    let reading = this.#readings.get(job);
    if (!reading) this.#readings.set(job, (reading = readingOf(key, job)));
    return reading;
  }

  /** What either of the two has used has changed since the pass began. */
  #isUnsettled(namespace: string, own: Placed, passMs: number): boolean {
    return [namespace, own.job.metadata.namespace ?? ''].some((each) => this.#usage.endedMs(each) >= passMs);
  }

  /** Whoever was passed over may get another machine in the same pass; what counts is that it still waits afterwards. */
  #later(job: ComputeJob, attempt: JobAttempt, { key }: Placed, why: string, atMs: number): void {
    const attempts = this.#o.waiting.get(key)?.status?.attempts?.length ?? 0;
    this.#o.clock.setTimeout(() => {
      const other = this.#o.waiting.get(key);
      if (!other || (other.status?.attempts?.length ?? 0) !== attempts || excused(other, attempt.node)) return;
      const words = `${keyOf(job)} got ${attempt.node}, which ${key} could have used: ${why}`;
      this.#o.accuse('queue order', `${words} (claimed ${Math.round(atMs / 1000)} s after the beginning)`, [
        `${keyOf(job)} `,
        `${key} `,
      ]);
    }, staleMs);
  }

  #labelsOf(namespace: string): Readonly<Record<string, string>> {
    return this.#o.simulation.api.get<Namespace>(namespaces, { name: namespace })?.metadata.labels ?? {};
  }
}

function readingOf(key: string, job: ComputeJob): Reading {
  const { publication, attempts, reason } = job.status ?? {};
  return {
    need: needOf(job),
    age: `${publication?.at ?? `~${job.metadata.creationTimestamp}`} ${key}`,
    // Without a publication it may not have been seen at all.
    sinceMs: Math.max(Date.parse(publication?.at ?? '') || Infinity, Date.parse(attempts?.at(-1)?.ended ?? '') || 0),
    excused: ownReasons.has(reason ?? ''),
  };
}

function excused({ status }: ComputeJob, machine: string): boolean {
  const failed = status?.attempts?.some(({ node, reason }) => node === machine && reason === 'StartFailed') === true;
  return (
    failed || ownReasons.has(status?.reason ?? '') || (status?.failures ?? 0) > 0 || status?.preemption !== undefined
  );
}
