// A run as comma-separated values, one row per hour.
// Pure.

import type { HourRow } from './tally.ts';

const columns = [
  'hour',
  'lentCores',
  'usedCores',
  'waitingJobs',
  'runningJobs',
  'ownersPresent',
  'machinesAway',
  'usefulCoreHours',
  'lostCoreHours',
  'operatorWrites',
  'migrations',
] as const satisfies readonly (keyof HourRow)[];

export function csvOf(rows: readonly HourRow[]): string {
  const lines = rows.map((row) => columns.map((column) => String(Math.round(row[column] * 1000) / 1000)).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
