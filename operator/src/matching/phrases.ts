// One phrase per reason: a clause that counts machines, and a sentence with the details.
// Promises: pure; what users or machines wrote appears cut to a bound and without control characters.

import type { Amount } from '../model/capacity.ts';
import type { Requirement } from './subscribe.ts';
import type { ReasonTally } from './tally.ts';

const longestQuote = 160;

/** On one line and no longer than `length`; what was cut ends in three dots. */
export function oneLine(text: string, length: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ');
  return clean.length <= length ? clean : `${clean.slice(0, length - 3).trimEnd()}...`;
}

/** A part of a sentence: "2 machines have their owner present". */
export function clauseOf({ reason, machines: count, free }: ReasonTally, { needs }: Requirement): string {
  const one = count === 1;
  const machines = one ? '1 machine' : `${count} machines`;
  const is = one ? 'is' : 'are';
  const has = one ? 'has' : 'have';
  const short = (amount: string): string => `${machines} ${is} ${one ? '' : 'at least '}${amount} short`;
  switch (reason) {
    case 'NotApproved':
      return `${machines} ${is} not approved`;
    case 'Revoked':
      return `${machines} ${is} revoked by an admin`;
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
      return short(counted(gap(needs, free, 'cores'), 'core'));
    case 'InsufficientMemory':
      return short(`${gib(gap(needs, free, 'memoryMiB'))} of memory`);
    case 'InsufficientDisk':
      return short(`${gib(gap(needs, free, 'diskMiB'))} of disk`);
    case 'InsufficientGraphicsMemory':
      return short(`${gib(gap(needs, free, 'graphicsMiB'))} of graphics memory`);
    case 'InsufficientGpus':
      return short(counted(gap(needs, free, 'gpus'), 'graphics processor'));
    case 'MachineLost':
      return `${machines} ${is} lost`;
    case 'NotReady':
      return `${machines} ${is} not ready`;
    case 'Cordoned':
      return `${machines} ${is} cordoned`;
    case 'Tainted':
      return `${machines} ${is} tainted`;
    case 'NotFenced':
      return `${machines} could not be trusted to end ${one ? 'its' : 'their'} guests when cut off`;
    case 'VirtualizationNotReady':
      return `${machines} cannot start virtual machines yet`;
    case 'CpuModelMissing':
      return `${machines} lack${one ? 's' : ''} the processor model`;
    case 'HeldDown':
      return `${machines} ${is} held down after trouble`;
    case 'HeldAgainst':
      return `${machines} failed to start it a short while ago`;
    case 'ReservedForEarlier':
      return `${machines} ${is} kept for a job further ahead in line`;
  }
}

/** What is wanted and what there is. */
export function detailOf(group: ReasonTally, wanted: Requirement): string {
  const { needs, running } = wanted;
  switch (group.reason) {
    case 'InsufficientCores':
      return `${needs.cores} cores wanted, ${there(group, ({ cores }) => String(cores))}`;
    case 'InsufficientMemory':
      return `${gib(needs.memoryMiB)} of memory wanted (with KubeVirt's overhead), ${there(group, ({ memoryMiB }) => gib(memoryMiB))}`;
    case 'InsufficientDisk':
      return `${gib(needs.diskMiB)} of disk wanted, ${there(group, ({ diskMiB }) => gib(diskMiB))}`;
    case 'InsufficientGraphicsMemory':
      return `${gib(needs.graphicsMiB)} of graphics memory wanted, ${there(group, ({ graphicsMiB }) => gib(graphicsMiB))}`;
    case 'InsufficientGpus':
      return `${counted(needs.gpus, 'graphics processor')} wanted, ${there(group, ({ gpus }) => String(gpus))}`;
    case 'WrongArchitecture':
      return `architecture ${quoted(wanted.architecture)} wanted`;
    case 'WrongRoom':
      return `only rooms ${quoted(wanted.rooms.join(', '))} wanted`;
    case 'LabelMismatch': {
      const pairs = Object.entries(wanted.nodeSelector).map(([key, value]) => `${key}=${value}`);
      return `label ${quoted(pairs.sort().join(', '))} wanted`;
    }
    case 'NotDedicated':
      return 'only machines without an owner wanted';
    case 'Tainted':
      return `tainted: ${quoted(group.taints.join(', '))}`;
    case 'NotFenced':
      return `not fenced: ${quoted(group.unfenced.join('; '))}`;
    case 'CpuModelMissing':
      return running
        ? `the guest was started with processor model ${quoted(running.cpuModel ?? 'of its host')}`
        : 'the processor model that guests of the pool are started with is missing';
    case 'HeldAgainst':
      return 'the job did not start there a short while ago';
    case 'NotApproved':
    case 'Revoked':
    case 'NotLending':
    case 'OwnerPresent':
    case 'MachineLost':
    case 'NotReady':
    case 'Cordoned':
    case 'VirtualizationNotReady':
    case 'HeldDown':
    case 'ReservedForEarlier':
      return clauseOf(group, wanted);
  }
}

function there({ forEver, machines, free, lends }: ReasonTally, amount: (of: Amount) => string): string {
  return forEver === machines
    ? `the largest machine lends ${amount(lends)}`
    : `the most that is free is ${amount(free)}`;
}

/** What even the emptiest of them lacks. */
function gap(needs: Amount, free: Amount, kind: keyof Amount): number {
  return needs[kind] - free[kind];
}

function quoted(text: string): string {
  return oneLine(text, longestQuote);
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function gib(mib: number): string {
  return mib < 1024 ? `${mib} MiB` : `${Math.round((mib / 1024) * 10) / 10} GiB`;
}
