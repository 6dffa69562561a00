// Writes a job's status: the plan that everything else follows from.
// Promises: a write carries the version that the decision was made on, so a decision on an old view fails with kind
// "conflict" and is made anew, on what the API server has by then; nothing is sent when nothing changes; later reads in this
// process see the write.

import { computeJobs } from '../api/resources.ts';
import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { keyOf } from '../kube/object.ts';
import type { Freshest } from './freshest.ts';
import { trimmedJob } from './trim.ts';

export class JobWriter {
  readonly #client: KubeClient;
  readonly #jobs: Freshest<ComputeJob>;
  readonly #onWrite: (job: ComputeJob) => void;

  /** @param onWrite told about every job as it was answered to us, so that whoever comes next need not wait for the watch. */
  constructor(o: { client: KubeClient; jobs: Freshest<ComputeJob>; onWrite: (job: ComputeJob) => void }) {
    this.#client = o.client;
    this.#jobs = o.jobs;
    this.#onWrite = o.onWrite;
  }

  async status(job: ComputeJob, status: ComputeJobStatus): Promise<ComputeJob> {
    const patch = difference(job.status ?? {}, status);
    if (patch === undefined) return job;
    const { namespace, name, resourceVersion, uid } = job.metadata;
    try {
      const answer = await this.#client.mergePatch<ComputeJob>(
        computeJobs,
        { namespace, name },
        { metadata: { resourceVersion, uid }, status: patch },
        { subresource: 'status' },
      );
      const written = trimmedJob(answer);
      this.#jobs.wrote(written);
      this.#onWrite(written);
      return written;
    } catch (error) {
      if (isNotFound(error)) this.#jobs.forget(keyOf(job));
      // The watch may be far behind, even behind this process's own writes.
      else if (isConflict(error)) await this.refresh(job);
      throw error;
    }
  }

  /**
   * Reads the job from the API server itself, where no decision may be made on an old view.
   * @returns whether this view was old.
   */
  async refresh(job: ComputeJob): Promise<boolean> {
    const { namespace, name, resourceVersion } = job.metadata;
    try {
      const now = trimmedJob(await this.#client.get<ComputeJob>(computeJobs, { namespace, name }));
      this.#jobs.wrote(now);
      this.#onWrite(now);
      return now.metadata.resourceVersion !== resourceVersion;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#jobs.forget(keyOf(job));
      return true;
    }
  }
}

/** The merge patch (RFC 7396) from one object to another; undefined when they are the same. */
export function difference(before: unknown, after: unknown): unknown {
  if (!isRecord(before) || !isRecord(after)) return same(before, after) ? undefined : after;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (after[key] === undefined) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const change = before[key] === undefined ? value : difference(before[key], value);
    if (change !== undefined) patch[key] = change;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
