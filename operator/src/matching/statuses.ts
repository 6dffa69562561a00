// The statuses that matching writes: publication together with the claim, or together with the words of waiting.
// Promises: pure; one write each, whatever it holds.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import * as status from '../model/status.ts';
import type { Claim } from './claim.ts';
import type { Explanation } from './words.ts';

export interface Stamp {
  /** Of the publication, if there is none yet. */
  readonly id: string;
  /** RFC 3339, microseconds. */
  readonly at: string;
}

export function claimedStatus(job: ComputeJob, claim: Claim, stamp: Stamp): ComputeJobStatus {
  const { node, room, reason, message, subscribers } = claim;
  const next = { node, room, reason, message, subscribers: [...subscribers], at: stamp.at };
  const published = publishedJob(job, stamp);
  // A notice that its former machine was to be given up is over with that machine.
  const { preemption: _over, ...rest } = published.status ?? {};
  return status.claimed({ ...published, status: rest }, next);
}

export function waitingStatus(
  job: ComputeJob,
  { reason, message, waiting }: Explanation,
  stamp: Stamp,
): ComputeJobStatus {
  return status.waiting(publishedJob(job, stamp), { reason, message, waiting, at: stamp.at });
}

function publishedJob(job: ComputeJob, stamp: Stamp): ComputeJob {
  return job.status?.publication === undefined ? { ...job, status: status.published(job, { ...stamp }) } : job;
}
