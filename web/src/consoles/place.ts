// Where a job's guest is for its console, and what to tell somebody who cannot reach it just now. Promises: pure.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { jobRowOf } from '@idlewild/operator/portal/rows.ts';
import { sentenceOf, stateOf } from '../data/job-state.ts';
import type { LineState } from './link.ts';

export interface Place {
  /** Another guest for every attempt. */
  readonly attempt: number;
  /** The same guest moves between machines. */
  readonly node: string;
}

/** Undefined while there is no guest. */
export function placeOf({ status }: ComputeJob): Place | undefined {
  const attempt = status?.attempts?.at(-1);
  if (attempt === undefined || attempt.ended !== undefined || attempt.created === undefined) return undefined;
  return { attempt: attempt.number, node: attempt.node };
}

export interface Overlay {
  readonly title: string;
  readonly line: string;
  /** Covers the console; otherwise it is a remark beside it. */
  readonly covers: boolean;
  readonly action?: 'retry';
}

/** Undefined when there is nothing to say: the console works. */
export function overlayOf(job: ComputeJob, line: LineState): Overlay | undefined {
  const row = jobRowOf(job);
  const state = stateOf(row);
  const why = sentenceOf(row);
  const where = row.node === undefined ? '' : ` on ${row.node}`;
  switch (state) {
    case 'Done':
    case 'Failed':
    case 'Stopped':
      return { title: state === 'Done' ? 'Finished' : state, line: why, covers: true };
    case 'Stopping':
      return { title: 'Stopping', line: why, covers: line.kind !== 'live' };
    case 'Waiting':
    case 'Cannot run':
      return { title: 'Waiting for a machine', line: why, covers: true };
    case 'Parked':
      return { title: 'Shut down and waiting', line: why, covers: true };
    case 'Restarting':
      if (line.kind !== 'live') return againOf(job, why);
      break;
    case 'Starting':
      if (line.kind !== 'live') return { title: `Starting${where}`, line: why, covers: true };
      break;
    case 'Frozen': {
      const title = row.owner === 'still' ? `Paused: the owner of ${row.node} is back` : `Paused${where}`;
      return { title, line: why, covers: true };
    }
    case 'Parking':
      return { title: 'Saving its work and shutting down', line: why, covers: line.kind !== 'live' };
    case 'Moving':
      return { title: 'Moving to another machine', line: why, covers: line.kind !== 'live' };
    case 'Slowed':
      return { title: 'The owner is back: slow', line: why, covers: line.kind !== 'live' };
    case 'Running':
      break;
  }
  switch (line.kind) {
    case 'live':
      return undefined;
    case 'noGuest':
    case 'opening':
      return { title: 'Opening the console', line: `of ${row.name}${where}`, covers: true };
    case 'broken':
      return {
        title: 'Connection lost',
        line: `Trying again by itself. Should ${row.node ?? 'its machine'} be gone, the job is given another one.`,
        covers: true,
        action: 'retry',
      };
    case 'inUse':
      // Whoever looks on is told so beside the picture.
      return undefined;
    case 'refused':
      return { title: 'You may not open this', line: line.why, covers: true };
  }
}

/** What became of the guest before, and how far the next one is. */
function againOf({ status }: ComputeJob, why: string): Overlay {
  const attempts = status?.attempts ?? [];
  const next = attempts.at(-1)?.ended === undefined ? attempts.at(-1) : undefined;
  const before = attempts.findLast(({ ended }) => ended !== undefined);
  const what = before === undefined ? 'The guest has ended' : endWords(before.reason, before.node);
  if (next === undefined) return { title: `${what}; waiting for a new machine`, line: why, covers: true };
  return { title: `${what}; attempt ${next.number} starts on ${next.node}`, line: why, covers: true };
}

function endWords(reason: string | undefined, node: string): string {
  switch (reason) {
    case 'MachineLost':
      return `${node} was lost`;
    case 'Drained':
    case 'Revoked':
      return `${node} had to be left`;
    case 'OwnerReturned':
      return `The owner of ${node} is back`;
    case 'Preempted':
      return 'A job that goes first took the machine';
    case 'Parked':
      return 'The guest was shut down';
    case 'StartFailed':
      return `The guest did not start on ${node}`;
    case 'GuestCrashed':
      return 'The guest crashed';
    case 'TakenAway':
      return 'The guest was taken away';
    default:
      return 'The guest has ended';
  }
}
