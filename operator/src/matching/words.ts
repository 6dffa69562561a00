// Why a job waits, in words: grouped by reason, the same in status, condition and event.
// Promises: pure; the same verdict gives the same words, so that nothing is written when nothing changed.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Waiting } from '../model/status.ts';
import type { MachineReason, WaitReason } from '../model/reasons.ts';
import type { Obstacle, Requirement, Verdict } from './subscribe.ts';

type Group = NonNullable<Waiting['reasons']>[number];

const mostNames = 8;

export interface Explanation {
  readonly reason: WaitReason;
  readonly message: string;
  readonly waiting: Waiting;
}

/** @param position place in line, from 1. */
export function explain(job: ComputeJob, wanted: Requirement, verdict: Verdict, position: number): Explanation {
  const counted = verdict.obstacles.filter(({ reason }) => reason !== 'NotApproved');
  const groups = groupsOf(verdict.obstacles, job, wanted);
  const place = `${ordinal(position)} in line`;
  if (verdict.fitting.length === 0 && counted.length === 0) {
    const message = `${place}; the pool has no approved machine`;
    return { reason: 'NoMachines', message, waiting: { position, message, reasons: groups } };
  }
  if (verdict.fitting.length === 0 && counted.every(({ forEver }) => forEver)) {
    const short = groups.filter(({ reason }) => reason !== 'NotApproved').map(({ message }) => message);
    const message = `no machine of the pool could ever satisfy this: ${short.join('; ')}`;
    return { reason: 'Unsatisfiable', message, waiting: { position, message, reasons: groups } };
  }
  const shown = groups.filter(({ reason }) => reason !== 'NotApproved');
  const parts = shown.map(({ reason, machines }) => clause(reason as MachineReason, machines));
  const message = `${place}; ${parts.join(', ')}`;
  // What keeps most of the machines that could ever do it away is the one word for it.
  const reason = (shown.find((group) => hopeful(group.reason, counted)) ?? shown[0])?.reason as MachineReason;
  return { reason, message, waiting: { position, message, reasons: groups } };
}

function hopeful(reason: string, obstacles: readonly Obstacle[]): boolean {
  return obstacles.some((obstacle) => obstacle.reason === reason && !obstacle.forEver);
}

function groupsOf(obstacles: readonly Obstacle[], job: ComputeJob, wanted: Requirement): Group[] {
  const groups = new Map<MachineReason, Obstacle[]>();
  for (const obstacle of obstacles) {
    const group = groups.get(obstacle.reason) ?? [];
    group.push(obstacle);
    groups.set(obstacle.reason, group);
  }
  return [...groups]
    .map(([reason, members]) => ({
      reason,
      machines: members.length,
      names: members
        .map(({ machine }) => machine.name)
        .sort()
        .slice(0, mostNames),
      message: detail(reason, members, job, wanted),
    }))
    .sort((a, b) => b.machines - a.machines || (a.reason < b.reason ? -1 : 1));
}

function detail(reason: MachineReason, members: readonly Obstacle[], job: ComputeJob, wanted: Requirement): string {
  const { needs } = wanted;
  const forEver = members.every((member) => member.forEver);
  const most = (of: (member: Obstacle) => number): number => Math.max(0, ...members.map(of));
  const has = forEver ? 'the largest machine lends' : 'the most that is free is';
  switch (reason) {
    case 'InsufficientCores':
      return `${needs.cores} cores wanted, ${has} ${most(({ machine, free }) => (forEver ? machine.offer : free).cores)}`;
    case 'InsufficientMemory':
      return `${gib(needs.memoryMiB)} of memory wanted (with KubeVirt's overhead), ${has} ${gib(most(({ machine, free }) => (forEver ? machine.offer : free).memoryMiB))}`;
    case 'InsufficientDisk':
      return `${gib(needs.diskMiB)} of disk wanted, ${has} ${gib(most(({ machine, free }) => (forEver ? machine.offer : free).diskMiB))}`;
    case 'WrongArchitecture':
      return `architecture ${wanted.architecture} wanted`;
    case 'WrongRoom':
      return `only rooms ${wanted.rooms.join(', ')} wanted`;
    case 'LabelMismatch':
      return `label ${Object.entries(wanted.nodeSelector)
        .map(([key, value]) => `${key}=${value}`)
        .join(', ')} wanted`;
    case 'NotDedicated':
      return 'only machines without an owner wanted';
    case 'Tainted':
      return `tainted: ${[...new Set(members.flatMap(({ machine }) => machine.otherTaints))].sort().join(', ')}`;
    case 'CpuModelMissing':
      return `the guest was started with processor model ${wanted.running?.cpuModel ?? 'of its host'}`;
    case 'HeldAgainst':
      return `${job.metadata.name} did not start there a short while ago`;
    case 'NotApproved':
    case 'NotLending':
    case 'OwnerPresent':
    case 'MachineLost':
    case 'NotReady':
    case 'Cordoned':
    case 'VirtualizationNotReady':
    case 'InsufficientGraphicsMemory':
    case 'InsufficientGpus':
    case 'HeldDown':
    case 'ReservedForEarlier':
      return clause(reason, members.length);
  }
}

/** A part of a sentence: "2 machines have their owner present". */
function clause(reason: MachineReason, count: number): string {
  const one = count === 1;
  const machines = one ? '1 machine' : `${count} machines`;
  const is = one ? 'is' : 'are';
  const has = one ? 'has' : 'have';
  switch (reason) {
    case 'NotApproved':
      return `${machines} ${is} not approved`;
    case 'WrongArchitecture':
      return `${machines} ${has} another architecture`;
    case 'WrongRoom':
      return `${machines} ${is} in another room`;
    case 'LabelMismatch':
      return `${machines} lack${one ? 's' : ''} the wanted labels`;
    case 'NotDedicated':
      return `${machines} ${has} an owner`;
    case 'NotLending':
      return `${machines} ${is} not lending`;
    case 'OwnerPresent':
      return `${machines} ${has} ${one ? 'its' : 'their'} owner present`;
    case 'InsufficientCores':
      return `${machines} ${has} too few free cores`;
    case 'InsufficientMemory':
      return `${machines} ${has} too little free memory`;
    case 'InsufficientDisk':
      return `${machines} ${has} too little free disk`;
    case 'MachineLost':
      return `${machines} ${is} lost`;
    case 'NotReady':
      return `${machines} ${is} not ready`;
    case 'Cordoned':
      return `${machines} ${is} cordoned`;
    case 'Tainted':
      return `${machines} ${is} tainted`;
    case 'VirtualizationNotReady':
      return `${machines} cannot start virtual machines yet`;
    case 'CpuModelMissing':
      return `${machines} lack${one ? 's' : ''} the processor model`;
    case 'InsufficientGraphicsMemory':
      return `${machines} ${has} too little graphics memory`;
    case 'InsufficientGpus':
      return `${machines} ${has} too few graphics processors`;
    case 'HeldDown':
      return `${machines} ${is} held down after trouble`;
    case 'HeldAgainst':
      return `${machines} failed to start it a short while ago`;
    case 'ReservedForEarlier':
      return `${machines} ${is} kept for a job further ahead in line`;
  }
}

function gib(mib: number): string {
  return mib < 1024 ? `${mib} MiB` : `${Math.round((mib / 1024) * 10) / 10} GiB`;
}

export function ordinal(n: number): string {
  const tens = n % 100;
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}
