// How many machines could take a job, in words. Promises: pure.
import type { Fit } from '@idlewild/operator/portal/schemas.ts';

const reasons: Readonly<Record<string, string>> = {
  NotApproved: 'not approved',
  WrongArchitecture: 'of another architecture',
  WrongRoom: 'in another room',
  LabelMismatch: 'without the labels asked for',
  NotDedicated: 'somebody’s desktop',
  NotLending: 'not lending now',
  OwnerPresent: 'with their owner there',
  InsufficientCores: 'short of cores',
  InsufficientMemory: 'short of memory',
  InsufficientDisk: 'short of disk',
  InsufficientGraphicsMemory: 'short of graphics memory',
  InsufficientGpus: 'short of graphics processors',
  MachineLost: 'out of reach',
  NotReady: 'not ready',
  Cordoned: 'being drained',
  Tainted: 'kept for something else',
  VirtualizationNotReady: 'not ready for virtual machines',
  CpuModelMissing: 'with another processor',
  HeldDown: 'resting after trouble',
  Revoked: 'with their approval taken back',
  NotFenced: 'not sure to end their guests if they were cut off',
  HeldAgainst: 'that failed to start it a short while ago',
  ReservedForEarlier: 'kept for jobs further ahead',
};

/** What keeps machines from a job: follows their number. */
export const machinesAre = (reason: string): string => reasons[reason] ?? reason;

export interface FitWords {
  readonly ink: 'ok' | 'neutral' | 'warn';
  readonly title: string;
  readonly why: readonly string[];
}

export function fitWords({ now, later, never, reasons: counts }: Fit): FitWords {
  const why = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} ${machinesAre(reason)}`);
  if (now > 0) return { ink: 'ok', title: `${machines(now)} could take this now`, why };
  if (later > 0)
    return { ink: 'neutral', title: `No machine is free for this now; ${machines(later)} may be later`, why };
  if (never > 0) return { ink: 'warn', title: 'No machine of the lab can ever take this', why };
  return { ink: 'warn', title: 'The lab has no machines yet', why };
}

const machines = (count: number): string => `${count} ${count === 1 ? 'machine' : 'machines'}`;
