// What one may ask of a ComputeJob.
// Promises: pure; answers come from the status as written, never from phase.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import { isTrue } from '../api/conditions.ts';
import type { ProgressReason } from './reasons.ts';

export type Attempt = NonNullable<ComputeJobStatus['attempts']>[number];
export type Subscriber = NonNullable<ComputeJobStatus['subscribers']>[number];
export type Interruption = NonNullable<ComputeJobStatus['interruptions']>[number];

export function isFinished(job: ComputeJob): boolean {
  return isTrue(job.status?.conditions, 'Succeeded') || isTrue(job.status?.conditions, 'Failed');
}

/** When it was over, ms since the epoch; by its condition when somebody else than the operator said that it is. */
export function finishedAtMs({ status }: ComputeJob): number {
  const said = (status?.conditions ?? []).find(
    ({ type, status: value }) => (type === 'Succeeded' || type === 'Failed') && value === 'True',
  );
  return Date.parse(status?.finishTime ?? said?.lastTransitionTime ?? '');
}

/** Its user wants it to end; whether it has is for `isFinished` to say. */
export function isStopped(job: ComputeJob): boolean {
  return job.spec.stop === true;
}

export function attemptsOf(job: ComputeJob): readonly Attempt[] {
  return job.status?.attempts ?? [];
}

export function lastAttempt(job: ComputeJob): Attempt | undefined {
  return attemptsOf(job).at(-1);
}

/** The attempt that holds a machine now. */
export function openAttempt(job: ComputeJob): Attempt | undefined {
  const last = lastAttempt(job);
  return last && last.ended === undefined && !isFinished(job) ? last : undefined;
}

/** How long the open attempt's guest has been made to stand still, ms; none of its deadlines runs meanwhile. */
export function stoodStillMs(job: ComputeJob, nowMs: number): number {
  const { frozen } = job.status?.ladder ?? {};
  const now = frozen === undefined ? 0 : Math.max(0, nowMs - Date.parse(frozen));
  return now + (openAttempt(job)?.secondsStill ?? 0) * 1000;
}

/** What the open attempt's guest has worked since then (RFC 3339), s: while it is made to stand still it does no work that could be lost. */
export function workedSeconds(job: ComputeJob, since: string, nowMs: number): number {
  return Math.max(0, nowMs - Date.parse(since) - stoodStillMs(job, nowMs)) / 1000;
}

/** What may hold a start up that no machine is to blame for. */
const blameless: ReadonlySet<string> = new Set<ProgressReason>([
  'QuotaExceeded',
  'Refused',
  'KubeVirtNotReady',
  'SecretMissing',
  'NetworkNotReady',
  'NetworkNotAllowed',
  'NameTaken',
  'WaitingForEarlier',
]);

/** Whether the attempt's end is a reason to try another machine next time. */
export function speaksAgainstMachine({ reason, cause }: Attempt): boolean {
  return (reason === 'StartFailed' && !blameless.has(cause ?? '')) || cause === 'GuestPaused';
}

/** True while the job wants a machine and has none. */
export function isUnclaimed(job: ComputeJob): boolean {
  if (job.metadata.deletionTimestamp !== undefined || isStopped(job)) return false;
  return !isFinished(job) && openAttempt(job) === undefined;
}

/** Jobs of equal standing are served in the order of their publication. */
export function byPublication(a: ComputeJob, b: ComputeJob): number {
  const [ka, kb] = [orderKey(a), orderKey(b)];
  return ka < kb ? -1 : ka > kb ? 1 : 0;
}

function orderKey(job: ComputeJob): string {
  const { name, namespace = '', creationTimestamp = '' } = job.metadata;
  return `${job.status?.publication?.at ?? `~${creationTimestamp}`} ${namespace}/${name}`;
}
