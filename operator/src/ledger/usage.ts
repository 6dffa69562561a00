// What a job is charged, from its attempts alone.
// Promises: pure. What the lab took away is not charged but counted as lost, and the time in which a guest stood still is not
// charged either: an owner's return must never cost the user anything.

import type { ComputeJob, ComputeJobSpec, ComputeJobStatus } from '../api/compute-job.ts';
import { quantityToMebibytes } from '../api/quantity.ts';
import type { Attempt } from '../model/job.ts';
import type { AttemptEnd } from '../model/reasons.ts';
import type { Charge } from './history.ts';

export type Usage = NonNullable<ComputeJobStatus['usage']>;

const byTheLab: ReadonlySet<string> = new Set<AttemptEnd>([
  'MachineLost',
  'Drained',
  'OwnerReturned',
  'Revoked',
  'Preempted',
  'TakenAway',
]);

/** Taken away by the lab, too, but what was saved before is charged. */
const parked: AttemptEnd = 'Parked';

/** Whether an attempt that ended so was taken away by the lab, and is not charged. */
export function isTakenByLab(reason: string | undefined): boolean {
  return reason !== undefined && byTheLab.has(reason);
}

/** Seconds that the attempt is charged for, until its end or until `untilMs` (ms since the epoch). */
export function chargedSeconds(attempt: Attempt, untilMs: number): number {
  if (isTakenByLab(attempt.reason)) return 0;
  const worked = heldSeconds(attempt, untilMs) - (attempt.secondsStill ?? 0);
  return Math.max(0, attempt.reason === parked ? worked - (attempt.secondsLost ?? 0) : worked);
}

/** Of all attempts that have ended. */
export function usageOf(spec: ComputeJobSpec, attempts: readonly Attempt[]): Usage {
  const { cores } = spec.resources;
  const memoryGiB = quantityToMebibytes(spec.resources.memory) / 1024;
  let charged = 0;
  let lost = 0;
  for (const attempt of attempts) {
    if (attempt.ended === undefined) continue;
    const endedMs = Date.parse(attempt.ended);
    charged += chargedSeconds(attempt, endedMs);
    if (isTakenByLab(attempt.reason)) lost += attempt.secondsLost ?? heldSeconds(attempt, endedMs);
    else if (attempt.reason === parked) lost += attempt.secondsLost ?? 0;
  }
  return {
    coreSeconds: rounded(charged * cores),
    memoryGiBSeconds: rounded(charged * memoryGiB),
    lostCoreSeconds: rounded(lost * cores),
  };
}

/** What the attempt is charged until its end or `untilMs`; undefined: nothing. */
export function chargeOf(job: ComputeJob, attempt: Attempt, untilMs: number): Charge | undefined {
  const seconds = chargedSeconds(attempt, untilMs);
  if (seconds <= 0 || attempt.claimed === undefined) return undefined;
  const fromMs = Date.parse(attempt.claimed);
  return {
    uid: job.metadata.uid ?? '',
    attempt: attempt.number,
    namespace: job.metadata.namespace ?? '',
    cores: job.spec.resources.cores,
    memoryMiB: quantityToMebibytes(job.spec.resources.memory),
    fromMs,
    toMs: fromMs + Math.round(seconds * 1000),
  };
}

/** How long the attempt held its machine. */
function heldSeconds({ claimed, ended }: Attempt, untilMs: number): number {
  if (claimed === undefined) return 0;
  const endMs = ended === undefined ? untilMs : Date.parse(ended);
  return Math.max(0, (endMs - Date.parse(claimed)) / 1000) || 0;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
