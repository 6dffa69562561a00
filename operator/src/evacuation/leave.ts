// Whether a guest has to leave its machine, and why.
// Promises: pure and level-based: the answer follows from the instance and its machine as they are, so that a restart changes
// nothing. A revocation comes before a drain, and a drain before the owner's return, which is a reason only when the yield ladder
// has come to that rung.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Node } from '../api/kubernetes.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import { movesAtMs, parksAtMs } from '../ladder/deadlines.ts';
import type { LadderSettings } from '../ladder/settings.ts';
import { isWantedBack, isYielding, type Machine } from '../model/machine.ts';
import type { LeaveReason } from '../model/reasons.ts';

export interface Leaving {
  readonly reason: Exclude<LeaveReason, 'MachineLost'>;
  readonly from: string;
  /** A clause: "pc-1 is drained". */
  readonly words: string;
  /** Its turn comes before that of others. */
  readonly urgent: boolean;
  /** When it is shut down if nothing has taken it by then, ms since the epoch. */
  readonly parksAtMs?: number | undefined;
}

export interface Ask {
  readonly job: ComputeJob;
  readonly nowMs: number;
  readonly settings: LadderSettings;
}

/** @param machine the one that the guest runs on; undefined when its Node is gone. */
export function leavingOf(
  vmi: VirtualMachineInstance,
  machine: Machine | undefined,
  { job, nowMs, settings }: Ask,
): Leaving | undefined {
  const { nodeName, evacuationNodeName } = vmi.status ?? {};
  if (nodeName === undefined) return undefined;
  if (evacuationNodeName === nodeName && !isOpen(machine) && !machine?.revoked) {
    return { reason: 'Drained', from: nodeName, words: `${nodeName} is drained`, urgent: false };
  }
  if (!isYielding(machine) || job.status?.ladder?.parking !== undefined) return undefined;
  const standing = { job, machine, nowMs, settings };
  const movesMs = movesAtMs(standing);
  if (movesMs === undefined || movesMs > nowMs) return undefined;
  const { revoked } = machine;
  return {
    reason: revoked ? 'Revoked' : 'OwnerReturned',
    from: nodeName,
    words: revoked ? `${nodeName} is revoked by an admin` : `the owner of ${nodeName} is back`,
    urgent: machine.urgency !== undefined,
    parksAtMs: parksAtMs(standing),
  };
}

/** In how many ms a guest that need not leave yet has to; undefined when nothing is known of that. */
export function leavesInMs(machine: Machine | undefined, { job, nowMs, settings }: Ask): number | undefined {
  if (!isYielding(machine) || job.status?.ladder?.parking !== undefined) return undefined;
  const movesMs = movesAtMs({ job, machine, nowMs, settings });
  return movesMs === undefined || movesMs <= nowMs ? undefined : movesMs - nowMs;
}

/** Nothing of the instance asks for a look: most are in that state most of the time. */
export function isUnasked(vmi: VirtualMachineInstance | undefined, node: Node | undefined): boolean {
  return vmi === undefined || (!vmi.status?.evacuationNodeName && !(node && isWantedBack(node)));
}

/**
 * The machine named by a request that stands no longer: that machine takes guests again, or the guest is on another one. While
 * the mark is there KubeVirt marks no other machine, so a later drain would not be heard (pod-eviction-admitter.go in KubeVirt).
 */
export function staleMark(vmi: VirtualMachineInstance, machine: Machine | undefined): string | undefined {
  const { nodeName, evacuationNodeName } = vmi.status ?? {};
  if (!evacuationNodeName || nodeName === undefined) return undefined;
  return evacuationNodeName !== nodeName || isOpen(machine) ? evacuationNodeName : undefined;
}

/**
 * New guests may come. Only a machine that is closed is being drained: an eviction from an open one would let the next guest in,
 * and whoever drains closes first. A machine without a Node takes nobody.
 */
function isOpen(machine: Machine | undefined): boolean {
  return machine !== undefined && !machine.cordoned && machine.otherTaints.length === 0;
}
