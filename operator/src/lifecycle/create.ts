// Makes what an attempt is made of: the cloud-init Secret, then the VirtualMachine.
// Promises: safe to repeat after being killed anywhere; what exists under the name is used only if it belongs to this job.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Secret } from '../api/kubernetes.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { isBeingDeleted, isOwnedBy } from '../api/meta.ts';
import { secrets, virtualMachines } from '../api/resources.ts';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import type { Attempt } from '../model/job.ts';
import { renderUserData } from '../render/user-data.ts';
import { renderSecret, renderVirtualMachine } from '../render/virtual-machine.ts';
import type { Deps } from '../deps.ts';
import { filesOf } from './files.ts';

export type Created =
  | { readonly kind: 'created'; readonly vm: VirtualMachine }
  | { readonly kind: 'blocked'; readonly reason: 'SecretMissing' | 'NameTaken'; readonly message: string };

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export async function createAttempt(deps: Deps, job: ComputeJob, attempt: Attempt): Promise<Created> {
  const { client, world, newId } = deps;
  const files = await filesOf(client, job);
  if (files.kind === 'missing') return { kind: 'blocked', reason: 'SecretMissing', message: files.message };
  const nonce = newId().slice(0, 16);
  const { mode, script, resources } = job.spec;
  const scratch = resources.disk !== undefined;
  const userData = renderUserData({ nonce, mode, script, files: files.files, scratch }, base64);
  const secret = renderSecret(job, attempt, base64(userData));
  const cpuModel = world.pool().cpuModels.get(job.spec.architecture);
  const vm = renderVirtualMachine({ job, attempt, nonce, cpuModel, gpuResource: world.gpuResource });

  try {
    await client.create<Secret>(secrets, { ...secret });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const settled = await adopt(deps, job, secret, vm);
    if (settled) return settled;
  }
  try {
    return { kind: 'created', vm: await client.create<VirtualMachine>(virtualMachines, { ...vm }) };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return (await existing(deps, job, vm)) ?? nameTaken('VirtualMachine', vm.metadata.name);
  }
}

/**
 * The Secret is there already. With its virtual machine beside it everything is done; alone it was left by a predecessor and
 * gets the new nonce.
 */
async function adopt(deps: Deps, job: ComputeJob, secret: Secret, vm: VirtualMachine): Promise<Created | undefined> {
  const { namespace, name } = secret.metadata;
  const found = await deps.client.get<Secret>(secrets, { namespace, name });
  if (!ours(found, job)) return nameTaken('Secret', name);
  const done = await existing(deps, job, vm);
  if (done) return done;
  const { resourceVersion } = found.metadata;
  const patch = { metadata: { resourceVersion }, data: secret.data };
  await deps.client.mergePatch<Secret>(secrets, { namespace, name }, patch);
  return undefined;
}

async function existing({ client }: Deps, job: ComputeJob, vm: VirtualMachine): Promise<Created | undefined> {
  const { namespace, name } = vm.metadata;
  try {
    const found = await client.get<VirtualMachine>(virtualMachines, { namespace, name });
    return ours(found, job) ? { kind: 'created', vm: found } : nameTaken('VirtualMachine', name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function ours(object: Secret | VirtualMachine, job: ComputeJob): boolean {
  return isOwnedBy(object, job.metadata.uid ?? '') && !isBeingDeleted(object);
}

function nameTaken(kind: string, name: string): Created {
  return { kind: 'blocked', reason: 'NameTaken', message: `a ${kind} named "${name}" exists and is not this job's` };
}
