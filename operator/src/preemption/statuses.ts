// What a preemption does to the status of the job that makes room.
// Promises: pure; the notice is in the status before anything follows from it, and goes with the attempt or when called off.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import * as status from '../model/status.ts';

export function noticed(
  job: ComputeJob,
  o: { readonly by: string; readonly at: string; readonly endsAt: string; readonly message: string },
): ComputeJobStatus {
  const preemption = { by: o.by, notice: o.at, at: o.endsAt };
  const next = { ...job, status: { ...job.status, preemption } };
  return status.interrupted(next, { active: true, reason: 'Preempting', message: o.message, at: o.at });
}

export function calledOff(job: ComputeJob, o: { readonly at: string; readonly message: string }): ComputeJobStatus {
  return status.interrupted(withoutNotice(job), {
    active: false,
    reason: 'CalledOff',
    message: o.message,
    at: o.at,
  });
}

export function preempted(
  job: ComputeJob,
  o: { readonly at: string; readonly message: string; readonly secondsLost: number | undefined },
): ComputeJobStatus {
  return status.attemptEnded(withoutNotice(job), { ...o, reason: 'Preempted', failure: false });
}

function withoutNotice(job: ComputeJob): ComputeJob {
  const { preemption: _over, ...rest } = job.status ?? {};
  return { ...job, status: rest };
}
