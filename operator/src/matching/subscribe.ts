// Which machines satisfy a requirement, and in a word why the others do not.
// Promises: pure; the first obstacle in a fixed order is the reason, so that the same world gives the same words.

import type { ComputeJob } from '../api/compute-job.ts';
import { needsOfJob, type Amount } from '../model/capacity.ts';
import { attemptsOf } from '../model/job.ts';
import type { Machine } from '../model/machine.ts';
import { freeOn, type Pool } from '../model/pool.ts';
import type { MachineReason } from '../model/reasons.ts';

export interface Requirement {
  /** With KubeVirt's overhead. */
  readonly needs: Amount;
  readonly architecture: string;
  readonly rooms: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly dedicatedOnly: boolean;
  /** What a guest that is already running demands of its next machine. */
  readonly running?: {
    readonly cpuModel?: string | undefined;
    readonly cpuVendor?: string | undefined;
    readonly machineType?: string | undefined;
  };
  readonly image: string;
  /** Machines on which this job did not start a short while ago. */
  readonly heldAgainst: ReadonlySet<string>;
  /** When the first of these machines is free of that again, ms since the epoch; undefined without any. */
  readonly heldUntilMs?: number | undefined;
}

export interface Obstacle {
  readonly machine: Machine;
  readonly reason: MachineReason;
  /** No change of load or presence would help: the machine is not made for this. */
  readonly forEver: boolean;
  readonly free: Amount;
}

export interface Verdict {
  /** Best first. */
  readonly fitting: readonly { readonly machine: Machine; readonly score: number }[];
  readonly obstacles: readonly Obstacle[];
}

export function requirementOf(job: ComputeJob, o: { nowMs: number; holdDownMs: number }): Requirement {
  const { architecture, placement, image } = job.spec;
  const held = attemptsOf(job).filter(
    ({ reason, ended }) =>
      reason === 'StartFailed' && ended !== undefined && Date.parse(ended) + o.holdDownMs > o.nowMs,
  );
  return {
    needs: needsOfJob(job.spec),
    architecture,
    rooms: placement?.rooms ?? [],
    nodeSelector: placement?.nodeSelector ?? {},
    dedicatedOnly: placement?.dedicatedOnly ?? false,
    image: image.containerDisk,
    heldAgainst: new Set(held.map(({ node }) => node)),
    heldUntilMs:
      held.length === 0 ? undefined : Math.min(...held.map(({ ended }) => Date.parse(ended ?? '') + o.holdDownMs)),
  };
}

/** @param reserved machines that wait for a job further ahead in line. */
export function subscribers(
  pool: Pool,
  requirement: Requirement,
  o: { nowMs: number; reserved?: ReadonlySet<string>; preferred?: readonly string[] },
): Verdict {
  const fitting = [];
  const obstacles: Obstacle[] = [];
  for (const machine of pool.machines) {
    const free = freeOn(pool, machine);
    const reason = obstacleOf(machine, free, requirement, o.reserved);
    if (reason === undefined) fitting.push({ machine, score: scoreOf(machine, free, requirement, o.nowMs) });
    else obstacles.push({ machine, reason, free, forEver: isForEver(reason, machine, requirement) });
  }
  const rank = (name: string): number => {
    const index = o.preferred?.indexOf(name) ?? -1;
    return index < 0 ? Number.MAX_SAFE_INTEGER : index;
  };
  fitting.sort(
    (a, b) =>
      rank(a.machine.name) - rank(b.machine.name) ||
      b.score - a.score ||
      compare(a.machine.since ?? '~', b.machine.since ?? '~') ||
      compare(a.machine.name, b.machine.name),
  );
  return { fitting, obstacles };
}

function obstacleOf(
  machine: Machine,
  free: Amount,
  wanted: Requirement,
  reserved: ReadonlySet<string> | undefined,
): MachineReason | undefined {
  if (!machine.approved) return 'NotApproved';
  if (machine.architecture !== wanted.architecture) return 'WrongArchitecture';
  if (wanted.rooms.length > 0 && !wanted.rooms.includes(machine.room ?? '')) return 'WrongRoom';
  if (Object.entries(wanted.nodeSelector).some(([key, value]) => machine.labels[key] !== value)) return 'LabelMismatch';
  if (wanted.dedicatedOnly && !machine.dedicated) return 'NotDedicated';
  if (!machine.lending) return 'NotLending';
  if (machine.ownerPresent) return 'OwnerPresent';
  const tooSmall = shortage(machine.offer, wanted.needs);
  if (tooSmall) return tooSmall;
  if (machine.lost) return 'MachineLost';
  if (!machine.ready) return 'NotReady';
  if (machine.cordoned) return 'Cordoned';
  if (machine.otherTaints.length > 0) return 'Tainted';
  if (!machine.virtualizationReady) return 'VirtualizationNotReady';
  if (!canContinue(machine, wanted)) return 'CpuModelMissing';
  if (wanted.heldAgainst.has(machine.name)) return 'HeldAgainst';
  const full = shortage(free, wanted.needs);
  if (full) return full;
  return reserved?.has(machine.name) ? 'ReservedForEarlier' : undefined;
}

function shortage(has: Amount, needs: Amount): MachineReason | undefined {
  if (has.cores < needs.cores) return 'InsufficientCores';
  if (has.memoryMiB < needs.memoryMiB) return 'InsufficientMemory';
  if (has.diskMiB < needs.diskMiB) return 'InsufficientDisk';
  return undefined;
}

/** A guest keeps the processor and the board that it was started with. */
function canContinue(machine: Machine, { running }: Requirement): boolean {
  if (!running) return true;
  const { cpuModel, cpuVendor, machineType } = running;
  return (
    (cpuModel === undefined || machine.cpuModels.includes(cpuModel)) &&
    (cpuVendor === undefined || machine.cpuVendors.includes(cpuVendor)) &&
    (machineType === undefined || machine.machineTypes.includes(machineType))
  );
}

function isForEver(reason: MachineReason, machine: Machine, { needs }: Requirement): boolean {
  switch (reason) {
    case 'NotApproved':
    case 'WrongArchitecture':
    case 'WrongRoom':
    case 'LabelMismatch':
    case 'NotDedicated':
      return true;
    case 'InsufficientCores':
    case 'InsufficientMemory':
    case 'InsufficientDisk':
      return shortage(machine.offer, needs) !== undefined;
    case 'NotLending':
    case 'OwnerPresent':
    case 'MachineLost':
    case 'NotReady':
    case 'Cordoned':
    case 'Tainted':
    case 'VirtualizationNotReady':
    case 'CpuModelMissing':
    case 'HeldDown':
    case 'HeldAgainst':
    case 'InsufficientGraphicsMemory':
    case 'InsufficientGpus':
    case 'ReservedForEarlier':
      return false;
  }
}

/**
 * 0 to 100, the tie-break among machines that fit: 40 for a machine without an owner (nobody will come back), 20 when the
 * image is on it, up to 20 for how long it has been lending (a point per ten minutes), up to 20 for how empty it is.
 */
function scoreOf(machine: Machine, free: Amount, { image }: Requirement, nowMs: number): number {
  const lentMinutes = machine.since === undefined ? 0 : Math.max(0, nowMs - Date.parse(machine.since)) / 60_000;
  const emptiness = machine.offer.cores === 0 ? 0 : free.cores / machine.offer.cores;
  const hasImage = machine.images.some((name) => name === image || name.endsWith(`/${image}`));
  return Math.round(
    (machine.dedicated ? 40 : 0) + (hasImage ? 20 : 0) + Math.min(20, lentMinutes / 10) + 20 * emptiness,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
