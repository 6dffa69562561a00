// Where a job's guest is for its console, and what to tell somebody who cannot reach it just now. Promises: pure.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { jobRowOf } from '@idlewild/operator/portal/rows.ts';
import { sentenceOf, stateOf } from '../data/job-state.ts';
import type { LineState } from './link.ts';

/** Another one for every attempt and every machine; undefined while there is no guest. */
export function placeOf({ status }: ComputeJob): string | undefined {
  const attempt = status?.attempts?.at(-1);
  if (attempt === undefined || attempt.ended !== undefined || attempt.created === undefined) return undefined;
  return `${attempt.number}@${attempt.node}`;
}

export interface Overlay {
  readonly title: string;
  readonly line: string;
  /** Covers the console; otherwise it is a remark beside it. */
  readonly covers: boolean;
  readonly action?: 'retry' | 'takeOver';
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
      return { title: state === 'Done' ? 'Finished' : 'Failed', line: why, covers: true };
    case 'Stopping':
      return { title: 'Stopping', line: why, covers: line.kind !== 'live' };
    case 'Waiting':
    case 'Cannot run':
      return { title: 'Waiting for a machine', line: why, covers: true };
    case 'Parked':
      return { title: 'Saved and waiting', line: why, covers: true };
    case 'Restarting':
      if (line.kind !== 'live') return { title: `Starting again${where}`, line: why, covers: true };
      break;
    case 'Starting':
      if (line.kind !== 'live') return { title: `Starting${where}`, line: why, covers: true };
      break;
    case 'Frozen':
      return { title: `Paused${where}`, line: why, covers: true };
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
      return { title: 'Connection lost', line: 'Trying again by itself.', covers: true, action: 'retry' };
    case 'inUse':
      return {
        title: 'Open somewhere else',
        line: 'A screen has one viewer at a time.',
        covers: true,
        action: 'takeOver',
      };
    case 'refused':
      return { title: 'You may not open this', line: line.why, covers: true };
  }
}
