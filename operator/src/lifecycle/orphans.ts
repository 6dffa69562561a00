// Virtual machines whose job is gone. Kubernetes' garbage collector takes them away by their owner references; this is for the
// case that it does not, for instance because it is not at work.
// Promises: pure but for a memory of when an orphan was first seen; nothing is deleted while the collector may still do it. A
// virtual machine that names no job as its owner is nobody's orphan: somebody made it or wanted to keep it.

import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { isBeingDeleted } from '../api/meta.ts';
import type { OwnerReference } from '../kube/object.ts';

/** The time that the garbage collector is given, ms. */
export const collectorMs = 30_000;

export interface Orphan {
  readonly vm: VirtualMachine;
  readonly owner: OwnerReference;
}

/** Among virtual machines that carry a job's name: those of another job than this, which nobody is deleting. */
export function orphansOf(vms: readonly VirtualMachine[], job: ComputeJob | undefined): Orphan[] {
  return vms.flatMap((vm) => {
    const owner = vm.metadata.ownerReferences?.find(({ kind }) => kind === 'ComputeJob');
    return owner && owner.uid !== job?.metadata.uid && !isBeingDeleted(vm) ? [{ vm, owner }] : [];
  });
}

/** Since when a job's name has orphans. */
export class OrphanWatch {
  readonly #since = new Map<string, number>();

  /**
   * @param nowMs monotonic.
   * @returns how long they are still left alone, ms; 0: they are to be deleted.
   */
  left(jobKey: string, nowMs: number): number {
    const since = this.#since.get(jobKey) ?? nowMs;
    this.#since.set(jobKey, since);
    return Math.max(0, since + collectorMs - nowMs);
  }

  forget(jobKey: string): void {
    this.#since.delete(jobKey);
  }
}
