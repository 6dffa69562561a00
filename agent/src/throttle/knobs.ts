// The two files of a control group by which the kernel shares out the processor: how much a group may have at most, and how much
// it weighs against its siblings. One way of reading and writing them for cgroup v1 and v2.
// Promises: a value that was read can be written back as it was; a write that fails leaves what was there before.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Knob {
  readonly name: 'quota' | 'weight';
  /** Throws the system's error. */
  read(dir: string): string;
  /** Throws the system's error. */
  write(dir: string, value: string): void;
}

const v1 = { quota: 'cpu.cfs_quota_us', period: 'cpu.cfs_period_us', shares: 'cpu.shares' } as const;
const v2 = { max: 'cpu.max', weight: 'cpu.weight' } as const;

/** "<microseconds or max> <microseconds of a period>", as cpu.max of cgroup v2 has it. */
export const quota: Knob = {
  name: 'quota',
  read: (dir) => {
    if (!isV1(dir)) return text(dir, v2.max);
    const quotaUs = text(dir, v1.quota);
    return `${quotaUs === '-1' ? 'max' : quotaUs} ${text(dir, v1.period)}`;
  },
  write: (dir, value) => {
    if (!isV1(dir)) return writeFileSync(join(dir, v2.max), value);
    const before = quota.read(dir);
    try {
      writeV1(dir, value);
    } catch (error) {
      writeV1(dir, before);
      throw error;
    }
  },
};

/** Between 1 and 10000 with cgroup v2, between 2 and 262144 with v1. */
export const weight: Knob = {
  name: 'weight',
  read: (dir) => text(dir, weightFile(dir)),
  write: (dir, value) => writeFileSync(join(dir, weightFile(dir)), value),
};

/** False for a group that does not exist, or whose hierarchy does not share out the processor. */
export function hasWeight(dir: string): boolean {
  return existsSync(join(dir, weightFile(dir)));
}

export function heaviest(dir: string): string {
  return weightFile(dir) === v2.weight ? '10000' : '262144';
}

/** Where systemd keeps the programs of the people who are logged in. */
export function ownerGroups(root: string): string[] {
  return ['cpu/user.slice', 'user.slice'].map((group) => join(root, 'sys/fs/cgroup', group));
}

/** Cores that a quota allows. */
export function coresOf(value: string): number {
  const [quotaUs, periodUs] = value.split(' ');
  return quotaUs === 'max' ? Number.POSITIVE_INFINITY : Number(quotaUs) / Number(periodUs);
}

/** What a write of `after` over `before` can leave behind when it is cut off, which only v1's two files allow. */
export function isHalfWritten(value: string, before: string, after: string): boolean {
  const periods = [before, after].map((each) => each.split(' ')[1]);
  return value !== before && periods.some((period) => value === `max ${period}`);
}

export function isV1(dir: string): boolean {
  return existsSync(join(dir, v1.quota));
}

/** Without a limit between, since no other order suits every limit of the groups above and below. */
function writeV1(dir: string, value: string): void {
  const [quotaUs = '', periodUs = ''] = value.split(' ');
  writeFileSync(join(dir, v1.quota), '-1');
  writeFileSync(join(dir, v1.period), periodUs);
  if (quotaUs !== 'max') writeFileSync(join(dir, v1.quota), quotaUs);
}

function weightFile(dir: string): string {
  return existsSync(join(dir, v2.weight)) ? v2.weight : v1.shares;
}

function text(dir: string, file: string): string {
  return readFileSync(join(dir, file), 'utf8').trim();
}
