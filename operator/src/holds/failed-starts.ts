// Which attempts did not start on which machine, of the last hour, as the statuses of the jobs tell.
// Promises: costs what changed; bounded; a job that is deleted does not take its failures with it. No clock: the time is
// handed in.

import type { ComputeJob } from '../api/compute-job.ts';
import { attemptsOf, speaksAgainstMachine, type Attempt } from '../model/job.ts';
import type { FailedStart } from './decide.ts';

interface Failure {
  readonly of: string;
  readonly node: string;
  readonly atMs: number;
  /** The guest was powered on: what did not happen then is the image's doing. */
  readonly ran: boolean;
  /** What may be at fault instead of the machine. */
  readonly suspects: readonly string[];
}

const windowMs = 3_600_000;
const most = 10_000;

export class FailedStarts {
  /** By `of`, oldest first as far as they came in order. */
  readonly #failures = new Map<string, Failure>();
  readonly #byNode = new Map<string, Set<string>>();
  /** By suspect: machines on which it failed, and how often. */
  readonly #placesOf = new Map<string, Map<string, number>>();

  /** @returns the machines that have one more. */
  saw(job: ComputeJob, nowMs: number): string[] {
    const touched: string[] = [];
    for (const attempt of attemptsOf(job)) {
      if (!speaksAgainstMachine(attempt) || attempt.ended === undefined) continue;
      const failure = failureOf(job, attempt);
      if (failure.atMs + windowMs <= nowMs || this.#failures.has(failure.of)) continue;
      this.#add(failure);
      touched.push(failure.node);
    }
    if (touched.length > 0) this.#trim(nowMs);
    return touched;
  }

  on(node: string, nowMs: number): FailedStart[] {
    const found = [...(this.#byNode.get(node) ?? [])].flatMap((of) => this.#failures.get(of) ?? []);
    return found
      .filter(({ atMs }) => atMs + windowMs > nowMs)
      .map((failure) => ({ of: failure.of, atMs: failure.atMs, evidence: this.#isEvidence(failure) }));
  }

  /** A job, or an image, that failed on several machines has brought its failure along. */
  #isEvidence({ ran, suspects }: Failure): boolean {
    return !ran && suspects.every((suspect) => (this.#placesOf.get(suspect)?.size ?? 0) <= 1);
  }

  #add(failure: Failure): void {
    const { of, node, suspects } = failure;
    this.#failures.set(of, failure);
    this.#byNode.set(node, (this.#byNode.get(node) ?? new Set<string>()).add(of));
    for (const suspect of suspects) {
      const places = this.#placesOf.get(suspect) ?? new Map<string, number>();
      this.#placesOf.set(suspect, places.set(node, (places.get(node) ?? 0) + 1));
    }
  }

  #trim(nowMs: number): void {
    for (const { of, atMs } of this.#failures.values()) {
      if (atMs + windowMs > nowMs && this.#failures.size <= most) break;
      this.#remove(of);
    }
  }

  #remove(of: string): void {
    const failure = this.#failures.get(of);
    if (!failure) return;
    const { node, suspects } = failure;
    this.#failures.delete(of);
    const there = this.#byNode.get(node);
    there?.delete(of);
    if (there?.size === 0) this.#byNode.delete(node);
    for (const suspect of suspects) {
      const places = this.#placesOf.get(suspect);
      const left = (places?.get(node) ?? 1) - 1;
      if (left > 0) places?.set(node, left);
      else places?.delete(node);
      if (places?.size === 0) this.#placesOf.delete(suspect);
    }
  }
}

function failureOf(job: ComputeJob, attempt: Attempt): Failure {
  const { uid = '', namespace = '' } = job.metadata;
  return {
    of: `${uid}/${attempt.number}`,
    node: attempt.node,
    atMs: Date.parse(attempt.ended ?? ''),
    ran: attempt.running !== undefined,
    suspects: [`job ${uid}`, `image ${namespace} ${job.spec.image.containerDisk}`],
  };
}
