// What the cluster says runs on this machine: whether there is anything, and which pods may run twice.

import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { isInstanceOver } from '@idlewild/operator/api/kubevirt.ts';
import { virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import { annotations, managedSelector } from '@idlewild/operator/model/names.ts';

/** KubeVirt's, on every instance that is on a node (pkg/virt-controller/watch/vmi). */
const nodeLabel = 'kubevirt.io/nodeName';

/** Guests of jobs that have not ended; none without KubeVirt. Throws KubeError. */
export async function ownGuests(
  client: KubeClient,
  machine: string,
  signal: AbortSignal,
): Promise<readonly VirtualMachineInstance[]> {
  try {
    const labelSelector = `${nodeLabel}=${machine},${managedSelector}`;
    const { items } = await client.list<VirtualMachineInstance>(virtualMachineInstances, { labelSelector, signal });
    return items.filter((vmi) => !isInstanceOver(vmi));
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** Uids of the pods on this machine of which a second copy is tolerated. */
export function sharedPods(guests: readonly VirtualMachineInstance[], machine: string): string[] {
  return guests
    .filter(({ metadata }) => metadata.annotations?.[annotations.exclusive] === 'false')
    .flatMap(({ status }) => Object.entries(status?.activePods ?? {}))
    .flatMap(([pod, node]) => (node === machine ? [pod] : []));
}
