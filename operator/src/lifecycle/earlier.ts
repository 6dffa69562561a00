// Whether a guest of an earlier attempt may still live, asked of the API server itself before another is made.
// Our caches come from one watch per kind, and each may be behind the others: that a virtual machine is on its way out may be
// known before its instance was ever heard of. Promises: whatever may still run, or be started, is found, as long as it carries
// the labels that it was made with.

import type { ComputeJob } from '../api/compute-job.ts';
import { isInstanceOver, type VirtualMachine, type VirtualMachineInstance } from '../api/kubevirt.ts';
import { isOwnedBy } from '../api/meta.ts';
import { virtualMachineInstances, virtualMachines } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/object.ts';
import { attemptsOf, type Attempt } from '../model/job.ts';
import { labels } from '../model/names.ts';
import { isDead } from './observe.ts';

/** A deletion that takes longer than any shutdown is held up by somebody, ms. */
const heldUpMs = 120_000;

/**
 * @param o.refused why the cluster does not let it be deleted.
 * @param o.heldBy finalizers that its deletion has been waiting for.
 */
export function stillThere(
  virtualMachine: string,
  o: { readonly refused?: string | undefined; readonly heldBy?: readonly string[] | undefined } = {},
): string {
  const which = `${virtualMachine} of the attempt before`;
  if (o.refused !== undefined) return `${which} cannot be deleted: ${o.refused}`;
  const held = o.heldBy?.length ? `, which waits for ${o.heldBy.join(', ')}` : '';
  return `${which} is still being taken down${held}`;
}

/** The finalizers of an object whose deletion is held up; none while it has not taken long. */
export function heldBy({ metadata: { deletionTimestamp, finalizers } }: KubeObject, nowMs: number): readonly string[] {
  return nowMs - Date.parse(deletionTimestamp ?? '') > heldUpMs ? (finalizers ?? []) : [];
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
