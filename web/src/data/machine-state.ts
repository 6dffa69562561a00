// One word, one colour and one shape for the state of a machine. Promises: pure.
import type { MachineRow } from '@idlewild/operator/portal/schemas.ts';
import type { Ink } from './job-state.ts';

export type MachineState =
  'Waiting for approval' | 'Lost' | 'Not ready' | 'Draining' | 'Owner present' | 'Resting' | 'Lending' | 'Not lending';

export const machineInk: Readonly<Record<MachineState, Ink>> = {
  'Waiting for approval': 'run',
  Lost: 'bad',
  'Not ready': 'bad',
  Draining: 'move',
  'Owner present': 'warn',
  Resting: 'warn',
  Lending: 'ok',
  'Not lending': 'neutral',
};

export function machineStateOf(row: MachineRow): MachineState {
  if (!row.approved) return 'Waiting for approval';
  if (row.lost) return 'Lost';
  if (!row.ready) return 'Not ready';
  if (row.cordoned) return 'Draining';
  if (row.ownerPresent) return 'Owner present';
  if (row.hold !== undefined) return 'Resting';
  return row.lending ? 'Lending' : 'Not lending';
}

export const lendsNow = (row: MachineRow): boolean => machineStateOf(row) === 'Lending';

/** 512 MiB, 2 GiB. */
export function memory(mib: number): string {
  return mib < 1024 ? `${mib} MiB` : `${Math.round((mib / 1024) * 10) / 10} GiB`;
}
