// When a guest comes to the next rung of the yield ladder.
// Promises: pure; follows from the status of its job and from its machine as they are, so that a restart changes nothing. The
// clock is the operator's: it begins when the operator saw the owner.

import type { ComputeJob } from '../api/compute-job.ts';
import { durationMs } from '../model/duration.ts';
import type { Machine } from '../model/machine.ts';
import type { LadderSettings } from './settings.ts';

/** With less than this until its machine goes down, no guest is moved away any more, ms. */
const shortestMoveMs = 10_000;

export interface Standing {
  readonly job: ComputeJob;
  /** Its owner is back. */
  readonly machine: Machine;
  readonly nowMs: number;
  readonly settings: LadderSettings;
}

/** When the owner's return is a reason to move the guest, ms since the epoch; undefined: never. */
export function movesAtMs({ job, machine, nowMs, settings }: Standing): number | undefined {
  if (job.spec.interruption.ownerReturns !== 'Migrate') return undefined;
  return machine.urgency ? sinceMs(job, nowMs) : sinceMs(job, nowMs) + settings.freezeForMs;
}

/** When it is asked to shut down instead, ms since the epoch; undefined: never. */
export function parksAtMs(standing: Standing): number | undefined {
  const { job, machine, nowMs, settings } = standing;
  const { urgency } = machine;
  if (urgency?.kind === 'leaving') {
    const { untilMs } = urgency;
    const begunMs = sinceMs(job, nowMs);
    // Half of what is left is for moving it, and the other half for its shutdown.
    if (untilMs === undefined || untilMs - begunMs < shortestMoveMs) return begunMs;
    return job.spec.interruption.ownerReturns === 'Migrate' ? begunMs + (untilMs - begunMs) / 2 : begunMs;
  }
  const movesMs = movesAtMs(standing);
  return movesMs === undefined ? undefined : movesMs + settings.migrateWithinMs;
}

/** How long its shutdown may take, ms. */
export function parkWithinMs(job: ComputeJob, settings: LadderSettings): number {
  const { checkpoint } = job.spec.interruption;
  return checkpoint === undefined ? settings.parkWithinMs : durationMs(checkpoint.within);
}

function sinceMs(job: ComputeJob, nowMs: number): number {
  const { since } = job.status?.ladder ?? {};
  return since === undefined ? nowMs : Date.parse(since);
}
