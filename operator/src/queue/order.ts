// The line of waiting jobs, and the order in which it is served: priority, then fair share between namespaces, then age.
// Promises: no clock; the order is total and the same for the same line and usage. A job that is served counts for its
// namespace at once, so that a thousand jobs of one namespace never stand in a row before the first of another.

import type { ComputeJob } from '../api/compute-job.ts';
import { Heap } from './heap.ts';
import { dominantShare, type Pair } from './usage.ts';

/** What the order needs to know of a waiting job; others may know more. */
export interface InLine {
  /** namespace/name. */
  readonly key: string;
  readonly namespace: string;
  /** Effective, 0 (Low) to 3 (Urgent). */
  readonly rank: number;
  /** Orders by publication; see ageOf. */
  readonly age: string;
  /** What it would take of the pool, for the share of its namespace. */
  readonly needs: Pair;
}

/**
 * Sorts as text: by publication, those not published yet behind all others in the order of their creation. A job that is
 * tried again keeps its publication and so its place.
 */
export function ageOf(job: ComputeJob): string {
  const { name, namespace = '', creationTimestamp = '' } = job.metadata;
  return `${job.status?.publication?.at ?? `~${creationTimestamp}`} ${namespace}/${name}`;
}

/** Waiting jobs, kept sorted by age within each namespace and priority as they come and go. */
export class Line<T extends InLine> {
  readonly #byKey = new Map<string, T>();
  /** By rank, then namespace. */
  readonly #queues = new Map<number, Map<string, T[]>>();

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  values(): Iterable<T> {
    return this.#byKey.values();
  }

  set(entry: T): void {
    this.delete(entry.key);
    this.#byKey.set(entry.key, entry);
    const namespaces = this.#queues.get(entry.rank) ?? new Map<string, T[]>();
    const queue = namespaces.get(entry.namespace) ?? [];
    queue.splice(placeOf(queue, entry.age), 0, entry);
    namespaces.set(entry.namespace, queue);
    this.#queues.set(entry.rank, namespaces);
  }

  delete(key: string): void {
    const entry = this.#byKey.get(key);
    if (!entry) return;
    this.#byKey.delete(key);
    const namespaces = this.#queues.get(entry.rank);
    const queue = namespaces?.get(entry.namespace);
    if (!namespaces || !queue) return;
    queue.splice(placeOf(queue, entry.age), 1);
    if (queue.length === 0) namespaces.delete(entry.namespace);
  }

  /** Queues of one rank, each in order of age. Must not be changed. */
  queues(rank: number): ReadonlyMap<string, readonly T[]> {
    return this.#queues.get(rank) ?? new Map<string, T[]>();
  }

  /** The ranks that somebody waits with, highest first. */
  ranks(): number[] {
    return [...this.#queues]
      .filter(([, namespaces]) => namespaces.size > 0)
      .map(([rank]) => rank)
      .sort((a, b) => b - a);
  }
}

export interface Shares {
  /** Core-ms and MiB-ms that the namespace has used. */
  readonly usageOf: (namespace: string) => Pair;
  readonly weightOf: (namespace: string) => number;
  /** Cores and MiB of the whole pool. */
  readonly pool: Pair;
  /** For how long each job that is served counts for its namespace at once, ms. */
  readonly aheadMs: number;
}

interface Standing<T> {
  readonly namespace: string;
  readonly weight: number;
  readonly queue: readonly T[];
  next: number;
  /** Core-ms and MiB-ms. */
  readonly used: { cores: number; memoryMiB: number };
  share: number;
}

/**
 * The line in serving order. Lower ranks know what higher ones were served before them.
 * @param counts false for a job that waits for something of its own, and so takes nothing from anybody.
 */
export function* queueOrder<T extends InLine>(
  line: Line<T>,
  shares: Shares,
  counts: (entry: T) => boolean = () => true,
): Generator<T, void, undefined> {
  const served = new Map<string, { cores: number; memoryMiB: number }>();
  const usedBy = (namespace: string): { cores: number; memoryMiB: number } => {
    const known = served.get(namespace) ?? { ...shares.usageOf(namespace) };
    served.set(namespace, known);
    return known;
  };
  for (const rank of line.ranks()) {
    // A copy of each queue: whoever is served may leave the line while it is walked.
    const standings = [...line.queues(rank)].map(([namespace, queue]): Standing<T> => {
      const used = usedBy(namespace);
      const weight = shares.weightOf(namespace);
      return { namespace, weight, queue: [...queue], next: 0, used, share: dominantShare(used, shares.pool) / weight };
    });
    const heap = new Heap<Standing<T>>(isBefore, standings);
    for (;;) {
      const first = heap.peek();
      const entry = first?.queue[first.next];
      if (!first || !entry) break;
      first.next += 1;
      if (counts(entry)) {
        first.used.cores += entry.needs.cores * shares.aheadMs;
        first.used.memoryMiB += entry.needs.memoryMiB * shares.aheadMs;
        first.share = dominantShare(first.used, shares.pool) / first.weight;
      }
      if (first.next >= first.queue.length) heap.pop();
      else heap.replaceFirst(first);
      yield entry;
    }
  }
}

function isBefore<T extends InLine>(a: Standing<T>, b: Standing<T>): boolean {
  if (a.share !== b.share) return a.share < b.share;
  const [ageA = '', ageB = ''] = [a.queue[a.next]?.age, b.queue[b.next]?.age];
  return ageA !== ageB ? ageA < ageB : a.namespace < b.namespace;
}

/** Where `age` is, or would be; ages are unique, for they end with the job's key. */
function placeOf(queue: readonly InLine[], age: string): number {
  let [low, high] = [0, queue.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((queue[middle]?.age ?? '') < age) low = middle + 1;
    else high = middle;
  }
  return low;
}
