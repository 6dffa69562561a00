// One word, one colour and one shape for the state of a machine, and why it is so. Promises: pure.
import type { MachineRow } from '@idlewild/operator/portal/schemas.ts';
import type { Ink } from './job-state.ts';
import { span } from './time.ts';
import { words } from './timeline.ts';

export type MachineState =
  | 'Waiting for approval'
  | 'Revoked'
  | 'Lost'
  | 'Not ready'
  | 'Draining'
  | 'Owner present'
  | 'Held'
  | 'Lending'
  | 'Not lending';

export const machineInk: Readonly<Record<MachineState, Ink>> = {
  'Waiting for approval': 'run',
  Revoked: 'bad',
  Lost: 'bad',
  'Not ready': 'bad',
  Draining: 'move',
  'Owner present': 'warn',
  Held: 'warn',
  Lending: 'ok',
  'Not lending': 'neutral',
};

export function machineStateOf(row: MachineRow): MachineState {
  if (row.revoked) return 'Revoked';
  if (!row.approved) return 'Waiting for approval';
  if (row.lost) return 'Lost';
  if (!row.ready) return 'Not ready';
  if (row.ownerPresent) return 'Owner present';
  if (row.cordoned) return 'Draining';
  if (row.hold !== undefined) return 'Held';
  return row.lending ? 'Lending' : 'Not lending';
}

export const lendsNow = (row: MachineRow): boolean => machineStateOf(row) === 'Lending';

/** Why it is as it is, and what follows, in a line. */
export function machineSentence(row: MachineRow, nowMs: number): string {
  const why = row.why === undefined ? '' : words(row.why);
  switch (machineStateOf(row)) {
    case 'Waiting for approval':
      return 'it gets no jobs before an admin has approved it';
    case 'Revoked':
      return 'an admin took its approval back; its guests leave';
    case 'Lost':
      return 'it is cut off or switched off; its jobs begin anew elsewhere';
    case 'Not ready':
      return 'the cluster does not hear from it as it should';
    case 'Owner present':
      return `${why === '' ? 'somebody sits at it' : why}; its guests give way`;
    case 'Draining':
      return row.used.guests > 0 ? 'cordoned: it takes no new jobs' : 'cordoned and empty';
    case 'Held':
      return row.hold === undefined
        ? ''
        : `no jobs for another ${span(Date.parse(row.hold.until) - nowMs)}: ${row.hold.message}`;
    case 'Lending':
      return row.since === undefined ? 'it takes jobs' : `for ${span(nowMs - Date.parse(row.since))}`;
    case 'Not lending':
      return why === '' ? 'its policy lends nothing now' : why;
  }
}

/** What the portal hears of an agent is up to a minute old. */
const silentMs = 75_000;

export function seenWords({ seen }: MachineRow, nowMs: number): string {
  if (seen === undefined) return 'no agent is known';
  const silence = nowMs - Date.parse(seen);
  return silence < silentMs ? 'agent seen just now' : `agent silent for ${span(silence)}`;
}

/** 512 MiB, 2 GiB. */
export function memory(mib: number): string {
  return mib < 1024 ? `${mib} MiB` : `${Math.round((mib / 1024) * 10) / 10} GiB`;
}
