// One word, one colour and one sentence for the state of a job: the same in the list, on its page, in the title and on its console.
// Promises: pure; works from a row alone.

import type { JobRow } from '@idlewild/operator/portal/schemas.ts';

/** Colours of the screen, see ui/theme.css; a state is never told by colour alone. */
export type Ink = 'neutral' | 'run' | 'ok' | 'warn' | 'move' | 'bad';

export const jobStates = [
  'Waiting',
  'Cannot run',
  'Starting',
  'Running',
  'Slowed',
  'Frozen',
  'Moving',
  'Parking',
  'Restarting',
  'Parked',
  'Stopping',
  'Stopped',
  'Done',
  'Failed',
] as const;
export type JobState = (typeof jobStates)[number];

export const inkOf: Readonly<Record<JobState, Ink>> = {
  Waiting: 'neutral',
  'Cannot run': 'warn',
  Starting: 'run',
  Running: 'run',
  Slowed: 'warn',
  Frozen: 'warn',
  Moving: 'move',
  Parking: 'move',
  Restarting: 'move',
  Parked: 'neutral',
  Stopping: 'neutral',
  Stopped: 'neutral',
  Done: 'ok',
  Failed: 'bad',
};

export function stateOf(row: JobRow): JobState {
  if (row.deleting || row.stopping) return 'Stopping';
  switch (row.phase) {
    case 'Succeeded':
      return row.reason === 'Stopped' ? 'Stopped' : 'Done';
    case 'Failed':
      return row.reason === 'Stopped' ? 'Stopped' : 'Failed';
    case 'Running':
      return interruptedState(row);
    case 'Starting':
      return row.attempts > 1 ? 'Restarting' : 'Starting';
    default:
      if (row.reason === 'Unsatisfiable') return 'Cannot run';
      if (row.ended === 'Parked') return 'Parked';
      return row.attempts > 0 ? 'Restarting' : 'Waiting';
  }
}

/** A guest that stands still is moved standing still; that it moves is the news then. */
function interruptedState({ interrupted, owner, reason }: JobRow): JobState {
  if (owner === 'parking' || interrupted?.reason === 'Parking') return 'Parking';
  if (interrupted?.reason === 'Migrating') return 'Moving';
  if (owner === 'still' || interrupted?.reason === 'Frozen' || reason === 'GuestPaused') return 'Frozen';
  return owner === 'back' ? 'Slowed' : 'Running';
}

export const isOver = (state: JobState): boolean => state === 'Done' || state === 'Failed' || state === 'Stopped';

/** Why it is where it is, in a line. */
export function sentenceOf(row: JobRow): string {
  const state = stateOf(row);
  switch (state) {
    case 'Waiting':
    case 'Cannot run':
    case 'Parked':
      return withPlace(row);
    case 'Starting':
      return row.message ?? `on ${row.node}`;
    case 'Running':
      return row.interrupted?.message ?? `on ${row.node}`;
    case 'Slowed':
    case 'Frozen':
    case 'Moving':
    case 'Parking':
      return row.interrupted?.message ?? row.message ?? '';
    case 'Restarting':
    case 'Failed':
    case 'Stopped':
      return row.message ?? '';
    case 'Done':
      return row.exitCode === undefined ? (row.message ?? '') : `exit code ${row.exitCode}`;
    case 'Stopping':
      return row.node === undefined ? 'it is being ended' : 'its guest is being shut down';
  }
}

/** The operator's own sentence begins with the place already. */
function withPlace({ position, message = 'just submitted' }: JobRow): string {
  const place = position === undefined ? '' : `${ordinal(position)} in line`;
  return place === '' || message.startsWith(place) ? message : `${place}; ${message}`;
}

const plural = new Intl.PluralRules('en', { type: 'ordinal' });
const suffixes: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd' };

/** 1st, 2nd, 3rd, 11th. */
export function ordinal(position: number): string {
  return `${position}${suffixes[plural.select(position)] ?? 'th'}`;
}
