// What the yield ladder does to the status of a job.
// Promises: pure; the intent is in the status before anything follows from it.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import { isTrue } from '../api/conditions.ts';
import * as status from '../model/status.ts';

interface Told {
  readonly at: string;
  readonly attempt: number;
  readonly node: string;
  readonly message: string;
}

/** @param o.still the guest will be made to stand still, which is a rung of its own. */
export function yields(job: ComputeJob, o: Told & { readonly still: boolean }): ComputeJobStatus {
  const { at, message, still } = o;
  const ladder = { since: at, ...job.status?.ladder, ...(still ? { frozen: at } : {}) };
  const next = { ...job, status: { ...job.status, ladder } };
  if (!still) return next.status;
  return told(next, o, { active: true, reason: 'Frozen', rung: 'Freeze', message });
}

export function parks(job: ComputeJob, o: Told): ComputeJobStatus {
  const ladder = { since: o.at, ...job.status?.ladder, parking: o.at };
  const next = { ...job, status: { ...job.status, ladder } };
  return told(next, o, { active: true, reason: 'Parking', rung: 'Park', message: o.message });
}

/** @param o.seconds for which it stood still; undefined when it never did. */
export function goesOn(job: ComputeJob, o: Told & { readonly seconds: number | undefined }): ComputeJobStatus {
  const { message, seconds } = o;
  const went = { ...job, status: status.yielded(job, o.at) };
  const next = isToldOf(job) ? { ...went, status: status.noted(went, { reason: 'Resumed', message }) } : went;
  if (seconds === undefined) {
    // Whatever evacuation has said is for it to take back.
    return next.status;
  }
  // A notice that was given meanwhile stands.
  const open = isTrue(job.status?.conditions, 'Interrupted') && job.status?.preemption === undefined;
  return told(next, o, { active: false, reason: 'Resumed', rung: 'Freeze', message, seconds, silent: !open });
}

function told(
  job: ComputeJob,
  { at, attempt, node }: Told,
  o: {
    readonly active: boolean;
    readonly reason: 'Frozen' | 'Resumed' | 'Parking';
    readonly rung: 'Freeze' | 'Park';
    readonly message: string;
    readonly seconds?: number;
    /** The condition says something newer. */
    readonly silent?: boolean;
  },
): ComputeJobStatus {
  const { active, reason, rung, message, seconds, silent } = o;
  const entry = { at, reason, rung, attempt, node, ...(seconds === undefined ? {} : { seconds }), message };
  const recorded = { ...job, status: status.recorded(job, entry) };
  if (silent) return recorded.status;
  // A list of jobs shows the reason, and who looks at it is to see that the guest does nothing.
  const noted = active ? { ...job, status: status.noted(recorded, { reason, message }) } : recorded;
  return status.interrupted(noted, { active, reason, message, at });
}

/** The reason of the job is that its guest stands still, or is about to. */
function isToldOf({ status }: ComputeJob): boolean {
  return status?.reason === 'Frozen' || status?.reason === 'Parking';
}
