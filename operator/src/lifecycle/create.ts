// Makes what an attempt is made of: the cloud-init Secret, then the VirtualMachine.
// Promises: safe to repeat after being killed anywhere; what exists under the name is used only if it belongs to this job; a
// refusal is an answer with words, not an error. The Secrets of earlier attempts go before the virtual machine comes, which so
// is the lasting sign that they are gone.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Secret } from '../api/kubernetes.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { isBeingDeleted, isOwnedBy } from '../api/meta.ts';
import { computeJobs, secrets, virtualMachines } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isNotFound, KubeError } from '../kube/errors.ts';
import type { ObjectRef } from '../kube/object.ts';
import { durationMs } from '../model/duration.ts';
import { attemptsOf, type Attempt } from '../model/job.ts';
import { secretName } from '../model/names.ts';
import type { ProgressReason } from '../model/reasons.ts';
import { isNonce } from '../render/markers.ts';
import { placesOn, renderUserData, type UserData } from '../render/user-data.ts';
import { renderSecret, renderVirtualMachine } from '../render/virtual-machine.ts';
import { isWhole } from '../world/trim.ts';
import type { Deps } from '../deps.ts';
import { livingEarlier, stillThere } from './earlier.ts';
import { filesOf } from './files.ts';
import { refusalOf, unansweredOf } from './refusal.ts';

export type Created =
  | { readonly kind: 'created'; readonly vm: VirtualMachine }
  | { readonly kind: 'blocked'; readonly reason: ProgressReason; readonly message: string };

/** Of the Secret: the nonce that its script prints; KubeVirt reads only the key beside it. */
const nonceKey = 'nonce';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export async function createAttempt(deps: Deps, job: ComputeJob, attempt: Attempt): Promise<Created> {
  try {
    return await create(deps, job, attempt);
  } catch (error) {
    const what = 'the virtual machine';
    const refused = refusedBy(error);
    const refusal = refused === undefined ? unansweredOf(what, wordsOf(error)) : refusalOf(what, refused);
    if (refusal === undefined) throw error;
    return { kind: 'blocked', ...refusal };
  }
}

/** The server's words, when it has understood and refused: trying again soon would only be refused again. */
export function refusedBy(error: unknown): string | undefined {
  const kinds: readonly string[] = ['invalid', 'badRequest', 'forbidden'];
  if (!(error instanceof KubeError) || !kinds.includes(error.kind)) return undefined;
  return wordsOf(error);
}

function wordsOf(error: unknown): string {
  if (error instanceof KubeError) return error.body?.message ?? error.message;
  return error instanceof Error ? error.message : String(error);
}

async function create(deps: Deps, job: ComputeJob, attempt: Attempt): Promise<Created> {
  const { client, world, newId } = deps;
  const living = await livingEarlier(client, job, attempt);
  if (living !== undefined) {
    return { kind: 'blocked', reason: 'WaitingForEarlier', message: stillThere(living) };
  }
  const whole = await wholeOf(client, job);
  const files = await filesOf(client, whole);
  if (files.kind === 'missing') return { kind: 'blocked', reason: 'SecretMissing', message: files.message };
  const { mode, script, resources, interruption } = whole.spec;
  const { checkpoint } = interruption;
  const saving = checkpoint && {
    script: checkpoint.script,
    withinSeconds: Math.ceil(durationMs(checkpoint.within) / 1000),
  };
  const scratch = resources.disk !== undefined;
  const { namespace } = job.metadata;
  for (const name of formerSecrets(job, attempt)) await deleteSecret(deps, { namespace, name });

  let nonce = newId().slice(0, 16);
  const data: UserData = { nonce, mode, script, files: files.files, scratch, checkpoint: saving };
  const userData = renderUserData(data, base64, placesOn(job.spec.architecture));
  const rendered = renderSecret(job, attempt, base64(userData));
  const secret = { ...rendered, data: { ...rendered.data, [nonceKey]: base64(nonce) } };
  try {
    await client.create<Secret>(secrets, secret);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await adopt(deps, job, attempt, secret);
    if (typeof found !== 'string') return found;
    nonce = found;
  }
  const cpuModel = world.pool().cpuModels.get(job.spec.architecture);
  const vm = renderVirtualMachine({ job, attempt, nonce, cpuModel, gpuResource: world.gpuResource });
  try {
    return { kind: 'created', vm: await client.create<VirtualMachine>(virtualMachines, { ...vm }) };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return (await existing(deps, job, attempt)) ?? nameTaken('VirtualMachine', vm.metadata.name);
  }
}

/** With its script and files, which our caches leave out where they are long. */
async function wholeOf(client: KubeClient, job: ComputeJob): Promise<ComputeJob> {
  if (isWhole(job)) return job;
  const { namespace, name, uid } = job.metadata;
  const whole = await client.get<ComputeJob>(computeJobs, { namespace, name });
  if (whole.metadata.uid === uid) return whole;
  throw new KubeError(`ComputeJob "${name}" is another one by now`, { kind: 'notFound' });
}

/** Of the attempt before, and of those before it whose successor had no virtual machine. */
function formerSecrets(job: ComputeJob, attempt: Attempt): string[] {
  const names: string[] = [];
  const before = attemptsOf(job).filter(({ number }) => number < attempt.number);
  for (const { number, created } of before.reverse()) {
    names.push(secretName(job.metadata.name, number));
    if (created !== undefined) break;
  }
  return names;
}

export async function deleteSecret({ client }: Deps, ref: ObjectRef): Promise<void> {
  try {
    await client.delete(secrets, ref);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/**
 * The Secret is there already. With its virtual machine beside it everything is done; alone it was left by a predecessor and
 * serves as it is, so that operators that die young still come further, each by a write.
 * @returns its nonce, for the virtual machine that is still to be made.
 */
async function adopt(deps: Deps, job: ComputeJob, attempt: Attempt, secret: Secret): Promise<Created | string> {
  const { namespace, name } = secret.metadata;
  const found = await deps.client.get<Secret>(secrets, { namespace, name });
  if (!ours(found, job)) return taken('Secret', found, job);
  const done = await existing(deps, job, attempt);
  if (done) return done;
  const nonce = nonceOf(found);
  if (isNonce(nonce)) return nonce;
  const { resourceVersion } = found.metadata;
  const patch = { metadata: { resourceVersion }, data: secret.data };
  return nonceOf(await deps.client.mergePatch<Secret>(secrets, { namespace, name }, patch));
}

function nonceOf({ data }: Secret): string {
  return Buffer.from(data?.[nonceKey] ?? '', 'base64').toString('latin1');
}

async function existing({ client }: Deps, job: ComputeJob, attempt: Attempt): Promise<Created | undefined> {
  const { namespace } = job.metadata;
  try {
    const found = await client.get<VirtualMachine>(virtualMachines, { namespace, name: attempt.virtualMachine });
    return ours(found, job) ? { kind: 'created', vm: found } : taken('VirtualMachine', found, job);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function ours(object: Secret | VirtualMachine, job: ComputeJob): boolean {
  return isOwnedBy(object, job.metadata.uid ?? '') && !isBeingDeleted(object);
}

/** By an earlier job of the same name, which the garbage collector is still taking away, or by somebody else. */
function taken(kind: string, found: Secret | VirtualMachine, job: ComputeJob): Created {
  const { name, ownerReferences = [] } = found.metadata;
  const earlier = ownerReferences.some((owner) => owner.kind === 'ComputeJob' && owner.name === job.metadata.name);
  if (!earlier && !isBeingDeleted(found)) return nameTaken(kind, name);
  const message = `the ${kind} "${name}" of an earlier job of this name is still being taken down`;
  return { kind: 'blocked', reason: 'WaitingForEarlier', message };
}

function nameTaken(kind: string, name: string): Created {
  return { kind: 'blocked', reason: 'NameTaken', message: `a ${kind} named "${name}" exists and is not this job's` };
}
