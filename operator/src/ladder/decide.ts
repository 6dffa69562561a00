// What is due for a guest whose machine's owner is back: frozen, then (by evacuation/) moved, then parked, else ended.
// Promises: pure and level-based. The intent to freeze or to park is in the status before anything is done, so a guest that
// stands still by somebody else's wish, or for an error of its disk, is never made to go on. Called off when the owner leaves,
// up to the moment at which the guest is asked to shut down.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import {
  isInstanceOver,
  isMigrationOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '../api/kubevirt.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { inWords } from '../model/duration.ts';
import { openAttempt, workedSeconds, type Attempt } from '../model/job.ts';
import { isYielding, type Machine } from '../model/machine.ts';
import type { Pool } from '../model/pool.ts';
import { isCopying } from '../evacuation/failures.ts';
import { movesAtMs, parksAtMs, parkWithinMs } from './deadlines.ts';
import type { LadderSettings } from './settings.ts';

export interface LadderInput {
  readonly job: ComputeJob;
  /** Of the open attempt. */
  readonly vm: VirtualMachine | undefined;
  readonly vmi: VirtualMachineInstance | undefined;
  readonly migrations: readonly VirtualMachineInstanceMigration[];
  readonly pool: Pick<Pool, 'machine'>;
  readonly nowMs: number;
  readonly settings: LadderSettings;
}

interface Words {
  readonly attempt: Attempt;
  readonly message: string;
}

export type LadderDecision =
  /** The owner is back; `still`: and the guest will be made to stand still. */
  | ({ readonly kind: 'yield'; readonly node: string; readonly still: boolean } & Words)
  | { readonly kind: 'pause' | 'unpause'; readonly vmi: VirtualMachineInstance }
  | ({ readonly kind: 'resumed'; readonly node: string; readonly stoodMs: number | undefined } & Words)
  | ({ readonly kind: 'park'; readonly node: string } & Words)
  | { readonly kind: 'halt'; readonly vm: VirtualMachine }
  | ({
      readonly kind: 'end';
      readonly reason: 'Parked' | 'OwnerReturned' | 'Revoked';
      readonly secondsLost: number;
    } & Words)
  | { readonly kind: 'wait'; readonly retryInMs?: number | undefined };

/** KubeVirt shows a moment later that a guest stands still; before that nobody can tell whether it does. */
const settleMs = 2_000;
const againMs = 1_000;

export function climb(input: LadderInput): LadderDecision {
  const { job, vmi, pool } = input;
  const attempt = openAttempt(job);
  if (!attempt || isBeingDeleted(job)) return { kind: 'wait' };
  if (job.status?.ladder?.parking !== undefined) return parking(input, attempt, job.status.ladder.parking);
  if (!vmi || isInstanceOver(vmi) || isBeingDeleted(vmi) || vmi.status?.phase !== 'Running') return { kind: 'wait' };
  const machine = pool.machine(vmi.status.nodeName ?? attempt.node);
  // Recovery ends everything that touches a lost machine.
  if (machine?.lost) return { kind: 'wait' };
  return isYielding(machine) ? yielding(input, attempt, vmi, machine) : goOn(input, attempt, vmi);
}

function yielding(input: LadderInput, attempt: Attempt, vmi: VirtualMachineInstance, machine: Machine): LadderDecision {
  const { job, nowMs, settings } = input;
  const { ladder } = job.status ?? {};
  const { ownerReturns } = job.spec.interruption;
  const { urgency } = machine;
  const ended = endedBecause(ownerReturns, machine);
  if (ended !== undefined) return end(input, attempt, endFor(machine), `${wordsOf(machine)}; ${ended}`);
  const underWay = migrationOf(input, vmi);
  const standing = { job, machine, nowMs, settings };
  const parksMs = parksAtMs(standing);
  const paused = isPaused(vmi);
  // A frozen guest does not give back its memory, and has to be awake to leave or to save its work.
  const freezes = urgency === undefined && !underWay && !paused && ladder?.frozen === undefined;
  if (!ladder || freezes) {
    return { kind: 'yield', attempt, node: machine.name, still: freezes, message: nextWords(standing, freezes) };
  }
  if (ladder.frozen !== undefined && !paused && !underWay && !urgency) return { kind: 'pause', vmi };
  if (parksMs === undefined) return { kind: 'wait' };
  if (nowMs < parksMs) return { kind: 'wait', retryInMs: parksMs - nowMs };
  if (underWay && isCopying(underWay, vmi)) return { kind: 'wait', retryInMs: againMs };
  const within = inWords(parkWithinMs(job, settings));
  const saves = job.spec.interruption.checkpoint ? 'is asked to save its work and shut down' : 'is shut down';
  const message = `${wordsOf(machine)}, and no machine has taken the guest, which ${saves} within ${within}; its job goes back to the queue`;
  return { kind: 'park', attempt, node: machine.name, message };
}

/** The owner has gone, or the guest has moved to where none is. */
function goOn({ job, nowMs, ...input }: LadderInput, attempt: Attempt, vmi: VirtualMachineInstance): LadderDecision {
  const { ladder } = job.status ?? {};
  if (!ladder) return { kind: 'wait' };
  const node = vmi.status?.nodeName ?? attempt.node;
  const underWay = migrationOf(input, vmi);
  // One that is paused is handed over paused; it goes on where it arrives.
  if (underWay) return { kind: 'wait', retryInMs: againMs };
  const { frozen } = ladder;
  if (frozen === undefined) {
    return { kind: 'resumed', attempt, node, stoodMs: undefined, message: `${node} need not be left any more` };
  }
  const stoodMs = Math.max(0, nowMs - Date.parse(frozen));
  if (isPausedByWish(vmi)) return { kind: 'unpause', vmi };
  if (!isPaused(vmi) && stoodMs < settleMs) return { kind: 'wait', retryInMs: settleMs - stoodMs };
  const where = node === frozenOn(job, attempt) ? `the owner of ${node} has left` : `the guest has moved to ${node}`;
  return { kind: 'resumed', attempt, node, stoodMs, message: `${where}; it goes on after ${inWords(stoodMs)}` };
}

/** The attempt names the machine that its guest has moved to as soon as it has. */
function frozenOn({ status }: ComputeJob, attempt: Attempt): string {
  const told = status?.interruptions?.findLast((each) => each.reason === 'Frozen' && each.attempt === attempt.number);
  return told?.node ?? attempt.node;
}

function parking(input: LadderInput, attempt: Attempt, since: string): LadderDecision {
  const { job, vm, vmi, nowMs, settings } = input;
  const leftMs = Date.parse(since) + parkWithinMs(job, settings) - nowMs;
  const { checkpoint } = job.spec.interruption;
  const over = vmi === undefined || isInstanceOver(vmi);
  if (!vm || isBeingDeleted(vm) || (over && vm.spec.runStrategy === 'Halted')) {
    // One whose power was taken has Failed.
    const saved = checkpoint !== undefined && leftMs > -settleMs && vmi?.status?.phase !== 'Failed';
    const message = saved
      ? `the guest had the time to save its work and has shut down on ${attempt.node}`
      : `the guest has shut down on ${attempt.node}, and its work is lost`;
    return end(input, attempt, 'Parked', `${message}; the job is claimed again`, saved);
  }
  if (leftMs <= -settleMs) {
    const message = `the guest has not shut down within ${inWords(parkWithinMs(job, settings))}, and is ended`;
    return end(input, attempt, endFor(input.pool.machine(attempt.node)), message);
  }
  // A guest that stands still hears nobody.
  if (vmi && isPausedByWish(vmi)) return { kind: 'unpause', vmi };
  if (vm.spec.runStrategy !== 'Halted') return { kind: 'halt', vm };
  return { kind: 'wait', retryInMs: leftMs + settleMs };
}

/** What the end of an attempt is called that yields to its machine's owner or admin. */
function endFor(machine: Machine | undefined): 'OwnerReturned' | 'Revoked' {
  return machine?.revoked ? 'Revoked' : 'OwnerReturned';
}

function end(
  { job, nowMs }: LadderInput,
  attempt: Attempt,
  reason: 'Parked' | 'OwnerReturned' | 'Revoked',
  message: string,
  saved = false,
): LadderDecision {
  const secondsLost = saved || attempt.started === undefined ? 0 : workedSeconds(job, attempt.started, nowMs);
  return { kind: 'end', attempt, reason, secondsLost, message };
}

/** Why the guest is given up although it could be frozen, as a clause. */
function endedBecause(
  policy: ComputeJob['spec']['interruption']['ownerReturns'],
  { urgency }: Machine,
): string | undefined {
  switch (policy) {
    case 'Restart':
      return 'the attempt is given up, as its job says, and begun anew elsewhere';
    case 'Freeze':
      if (urgency?.kind === 'revoked') return 'the job is not to be moved, and the attempt is given up';
      return urgency?.kind === 'memory'
        ? 'the job is not to be moved, and a frozen guest would keep the memory: the attempt is given up'
        : undefined;
    case 'Migrate':
      return undefined;
  }
}

function wordsOf({ name, urgency }: Machine): string {
  switch (urgency?.kind) {
    case 'memory':
      return `the owner of ${name} is back and short of memory`;
    case 'leaving':
      return `${name} shuts down or goes to sleep`;
    case 'revoked':
      return `${name} is revoked by an admin`;
    case undefined:
      return `the owner of ${name} is back`;
  }
}

/** What comes next, and when. */
function nextWords(standing: Parameters<typeof movesAtMs>[0], still: boolean): string {
  const { machine, nowMs } = standing;
  const state = still ? 'the guest is frozen' : 'the guest has to leave';
  const movesMs = movesAtMs(standing);
  if (movesMs === undefined) {
    const until = parksAtMs(standing) === undefined ? ' until the owner leaves' : '';
    return `${wordsOf(machine)}; ${state}${until}`;
  }
  if (movesMs <= nowMs) return `${wordsOf(machine)}; the guest moves at once`;
  return `${wordsOf(machine)}; ${state} and moves at ${timeOfDay(movesMs)} unless the owner leaves`;
}

/** "12:00:20", UTC as all times in a status. */
function timeOfDay(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`;
}

function migrationOf(
  { migrations }: Pick<LadderInput, 'migrations'>,
  { metadata }: VirtualMachineInstance,
): VirtualMachineInstanceMigration | undefined {
  return migrations.find((each) => each.spec.vmiName === metadata.name && !isMigrationOver(each));
}

function isPaused({ status }: VirtualMachineInstance): boolean {
  return getCondition(status?.conditions, 'Paused')?.status === 'True';
}

/** For which KubeVirt itself pauses guests: an error of the disk, and the last of a copy (calculatePausedCondition of virt-handler). */
const ownPauses: ReadonlySet<string> = new Set(['PausedIOError', 'PausedByMigrationMonitor']);

/** Somebody's, ours or a user's. */
export function isPausedByWish(vmi: VirtualMachineInstance): boolean {
  return isPaused(vmi) && !ownPauses.has(getCondition(vmi.status?.conditions, 'Paused')?.reason ?? '');
}

/** It is taken down, and stands still, so that it does not hear its power button. */
export function isDeaf(vmi: VirtualMachineInstance): boolean {
  return isBeingDeleted(vmi) && vmi.status?.phase === 'Running' && isPausedByWish(vmi);
}
