// Whether a guest of an earlier attempt may still live, asked of the API server itself before another is made.
// Our caches come from one watch per kind, and each may be behind the others: that a virtual machine is on its way out may be
// known before its instance was ever heard of. Promises: whatever may still run, or be started, is found, as long as it carries
// the labels that it was made with.

import type { ComputeJob } from '../api/compute-job.ts';
import { isInstanceOver, type VirtualMachine, type VirtualMachineInstance } from '../api/kubevirt.ts';
import { isOwnedBy } from '../api/meta.ts';
import { virtualMachineInstances, virtualMachines } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { attemptsOf, type Attempt } from '../model/job.ts';
import { labels } from '../model/names.ts';
import { isDead } from './observe.ts';

/** @param refused why the cluster does not let it be deleted. */
export function stillThere(virtualMachine: string, refused?: string): string {
  const which = `${virtualMachine} of the attempt before`;
  return refused === undefined ? `${which} is still being taken down` : `${which} cannot be deleted: ${refused}`;
}

/** @returns the name of a virtual machine whose guest may live, or undefined. */
export async function livingEarlier(
  client: KubeClient,
  job: ComputeJob,
  attempt: Attempt,
): Promise<string | undefined> {
  const earlier = new Set(attemptsOf(job).flatMap((each) => (each.number < attempt.number ? each.virtualMachine : [])));
  if (earlier.size === 0) return undefined;
  const { name, namespace, uid = '' } = job.metadata;
  const of = { namespace, labelSelector: `${labels.job}=${name}` };
  // In this order: one that is being deleted by now gets no new instance.
  const vms = await client.list<VirtualMachine>(virtualMachines, of);
  const vmis = await client.list<VirtualMachineInstance>(virtualMachineInstances, of);
  const instances = new Map(vmis.items.map((vmi) => [vmi.metadata.name, vmi]));
  const living = [
    ...vms.items.filter((vm) => isOwnedBy(vm, uid) && !isDead(vm, instances.get(vm.metadata.name))),
    ...vmis.items.filter((vmi) => !isInstanceOver(vmi)),
  ];
  return living.find(({ metadata }) => earlier.has(metadata.name))?.metadata.name;
}
