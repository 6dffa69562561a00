// Which machines satisfy a requirement, and in a word why the others do not.
// Promises: pure; the first obstacle in a fixed order is the reason, so that the same world gives the same words.

import type { ComputeJob, ComputeJobSpec } from '../api/compute-job.ts';
import { fits, needsOfJob, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import { freeOn, type Pool } from '../model/pool.ts';
import type { MachineReason } from '../model/reasons.ts';
import { rank, type Ranked, type ScoreContext } from './score.ts';

export interface Requirement {
  /** With KubeVirt's overhead. */
  readonly needs: Amount;
  readonly architecture: string;
  readonly rooms: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly dedicatedOnly: boolean;
  /** What a guest that is already running demands of its next machine; others start with the pool's processor model. */
  readonly running?: {
    readonly cpuModel?: string | undefined;
    readonly cpuVendor?: string | undefined;
    readonly machineType?: string | undefined;
  };
  readonly image: string;
  /** Machines that are avoided for a while, by this one alone: nothing that its spec says. */
  readonly heldAgainst: ReadonlySet<string>;
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
  readonly fitting: readonly Ranked[];
  readonly obstacles: readonly Obstacle[];
}

const nobody: ReadonlySet<string> = new Set();

/** By the spec that it follows from, which is frozen: jobs that wait are asked again at every pass. */
const requirements = new WeakMap<ComputeJobSpec, Requirement>();

/** The same object every time while the job's spec is the same: it need not be compared. */
export function requirementOf({ spec }: ComputeJob): Requirement {
  let requirement = requirements.get(spec);
  if (!requirement) requirements.set(spec, (requirement = requirementOfSpec(spec)));
  return requirement;
}

function requirementOfSpec(spec: ComputeJobSpec): Requirement {
  const { architecture, placement, image } = spec;
  return {
    needs: needsOfJob(spec),
    architecture,
    rooms: placement?.rooms ?? [],
    nodeSelector: placement?.nodeSelector ?? {},
    dedicatedOnly: placement?.dedicatedOnly ?? false,
    image: image.containerDisk,
    heldAgainst: nobody,
  };
}

/** @param reserved machines that wait for a job further ahead in line. */
export function subscribers(
  pool: Pool,
  requirement: Requirement,
  o: ScoreContext & { reserved?: ReadonlySet<string>; preferred?: readonly string[] },
): Verdict {
  const fitting: Machine[] = [];
  const obstacles: Obstacle[] = [];
  for (const machine of pool.machines) {
    const free = freeOn(pool, machine);
    const reason =
      obstacleOf(machine, free, requirement, pool.cpuModels) ?? ownObstacleOf(machine.name, requirement, o.reserved);
    if (reason === undefined) fitting.push(machine);
    else obstacles.push({ machine, reason, free, forEver: isForEver(reason, machine, requirement) });
  }
  const ranked = rank(fitting, requirement.image, { ...o, freeOf: (machine) => freeOn(pool, machine) });
  return { fitting: ranked, obstacles };
}

/**
 * What keeps every job of this kind off the machine; see `ownObstacleOf` for what concerns a single one.
 * @param cpuModels by architecture: the pool's processor model.
 */
export function obstacleOf(
  machine: Machine,
  free: Amount,
  wanted: Requirement,
  cpuModels: ReadonlyMap<string, string>,
): MachineReason | undefined {
  return standingObstacleOf(machine, wanted, cpuModels) ?? shortage(free, wanted.needs);
}

/** The same, were the machine empty. */
export function standingObstacleOf(
  machine: Machine,
  wanted: Requirement,
  cpuModels: ReadonlyMap<string, string>,
): MachineReason | undefined {
  if (machine.revoked) return 'Revoked';
  if (!machine.approved) return 'NotApproved';
  if (machine.architecture !== wanted.architecture) return 'WrongArchitecture';
  if (wanted.rooms.length > 0 && !wanted.rooms.includes(machine.room ?? '')) return 'WrongRoom';
  for (const key in wanted.nodeSelector) if (machine.labels[key] !== wanted.nodeSelector[key]) return 'LabelMismatch';
  if (wanted.dedicatedOnly && !machine.dedicated) return 'NotDedicated';
  if (!machine.lending) return 'NotLending';
  if (machine.ownerPresent) return 'OwnerPresent';
  const tooSmall = shortage(machine.offer, wanted.needs);
  if (tooSmall) return tooSmall;
  if (machine.lost) return 'MachineLost';
  if (!machine.ready) return 'NotReady';
  if (machine.cordoned) return 'Cordoned';
  if (machine.otherTaints.length > 0) return 'Tainted';
  if (machine.unfenced !== undefined) return 'NotFenced';
  if (!machine.virtualizationReady) return 'VirtualizationNotReady';
  if (!hasProcessor(machine, wanted, cpuModels)) return 'CpuModelMissing';
  return machine.hold ? 'HeldDown' : undefined;
}

/** What keeps a single job off a machine that would take others like it. */
export function ownObstacleOf(
  machine: string,
  { heldAgainst }: Requirement,
  reserved: ReadonlySet<string> | undefined,
): MachineReason | undefined {
  if (heldAgainst.has(machine)) return 'HeldAgainst';
  return reserved?.has(machine) ? 'ReservedForEarlier' : undefined;
}

export function isForEver(reason: MachineReason, machine: Machine, { needs }: Requirement): boolean {
  switch (reason) {
    case 'NotApproved':
    case 'Revoked':
    case 'WrongArchitecture':
    case 'WrongRoom':
    case 'LabelMismatch':
    case 'NotDedicated':
      return true;
    case 'InsufficientCores':
    case 'InsufficientMemory':
    case 'InsufficientDisk':
    case 'InsufficientGraphicsMemory':
    case 'InsufficientGpus':
      return !fits(needs, machine.lends);
    case 'NotLending':
    case 'OwnerPresent':
    case 'MachineLost':
    case 'NotReady':
    case 'Cordoned':
    case 'Tainted':
    case 'NotFenced':
    case 'VirtualizationNotReady':
    case 'CpuModelMissing':
    case 'HeldDown':
    case 'HeldAgainst':
    case 'ReservedForEarlier':
      return false;
  }
}

/** What of the needs is not there. */
export function shortage(has: Amount, needs: Amount): MachineReason | undefined {
  if (has.cores < needs.cores) return 'InsufficientCores';
  if (has.memoryMiB < needs.memoryMiB) return 'InsufficientMemory';
  if (has.diskMiB < needs.diskMiB) return 'InsufficientDisk';
  if (has.graphicsMiB < needs.graphicsMiB) return 'InsufficientGraphicsMemory';
  if (has.gpus < needs.gpus) return 'InsufficientGpus';
  return undefined;
}

/** A guest keeps the processor and the board that it was started with; a new one starts with what the others have, too. */
function hasProcessor(machine: Machine, wanted: Requirement, cpuModels: ReadonlyMap<string, string>): boolean {
  if (!wanted.running) {
    const model = cpuModels.get(wanted.architecture);
    return model === undefined || machine.cpuModels.includes(model);
  }
  const { cpuModel, cpuVendor, machineType } = wanted.running;
  return (
    (cpuModel === undefined || machine.cpuModels.includes(cpuModel)) &&
    (cpuVendor === undefined || machine.cpuVendors.includes(cpuVendor)) &&
    (machineType === undefined || machine.machineTypes.includes(machineType))
  );
}
