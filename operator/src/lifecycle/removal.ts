// Takes away what is left of attempts, and of jobs, and keeps in mind what the cluster does not let go.
// Promises: only the very object that was seen is deleted; a refusal (a protection of virtual machines, a policy of the cluster) is
// an answer with words, not an error: it is tried again with growing pauses, and the guest is powered off meanwhile.

import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { virtualMachines, type ResourceType } from '../api/resources.ts';
import type { Deps } from '../deps.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import type { KubeObject } from '../kube/object.ts';
import { Pauses } from '../kube/pauses.ts';
import { lastAttempt } from '../model/job.ts';
import { refusedBy } from './create.ts';
import { troubleNote } from './events.ts';

interface Refusal {
  readonly name: string;
  readonly words: string;
}

interface RemovalOf {
  /** namespace/name. */
  readonly jobKey: string;
  /** The job that is told of a refusal, if it is there. */
  readonly job?: ComputeJob | undefined;
  readonly why: string;
}

export class Removal {
  readonly #deps: Deps;
  readonly #pauses: Pauses;
  /** By job key, then by uid. */
  readonly #refused = new Map<string, Map<string, Refusal>>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#pauses = new Pauses(deps.clock, { baseMs: 5_000, maxMs: 60_000 });
  }

  /**
   * Why what is left of a job cannot be deleted, by name.
   * @param there all that is left of it; what is not among it is forgotten.
   */
  refusals(jobKey: string, there: readonly KubeObject[]): ReadonlyMap<string, string> {
    const known = this.#refused.get(jobKey);
    if (!known) return nothingRefused;
    for (const uid of known.keys()) if (!there.some(({ metadata }) => metadata.uid === uid)) this.#forget(jobKey, uid);
    return new Map([...known.values()].map(({ name, words }) => [name, words]));
  }

  /** @returns when to try again what was refused. */
  async remove(type: ResourceType, object: KubeObject, o: RemovalOf): Promise<number | undefined> {
    const { uid = '', name, namespace } = object.metadata;
    const left = this.#pauses.left(uid);
    if (left > 0) return left;
    const { client, log } = this.#deps;
    log.info({ job: o.jobKey, why: o.why, name }, `deleting a ${type.kind}`);
    try {
      await client.delete(type, { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      const refused = refusedBy(error);
      if (refused !== undefined) return this.#keep(type, object, refused, o);
      // Gone, or replaced by another object of the same name: either way not ours to delete any more.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.#forget(o.jobKey, uid);
    return undefined;
  }

  async #keep(type: ResourceType, object: KubeObject, words: string, { jobKey, job }: RemovalOf): Promise<number> {
    const { log, ledger, clock } = this.#deps;
    const { uid = '', name } = object.metadata;
    const known = this.#refused.get(jobKey) ?? new Map<string, Refusal>();
    const before = known.get(uid);
    this.#refused.set(jobKey, known.set(uid, { name, words }));
    log.warn({ job: jobKey, name, refused: words }, `a ${type.kind} cannot be deleted`);
    if (job && before?.words !== words) {
      const message = `${name} cannot be deleted: ${words}`;
      ledger.record(job, troubleNote(microTime(clock.now()), lastAttempt(job), 'Refused', message));
    }
    const pause = this.#pauses.next(uid);
    if (type === virtualMachines) await this.#powerOff(object as VirtualMachine);
    return pause;
  }

  /** A guest that nobody wants any more must not go on beside its owner, or beyond its walltime. */
  async #powerOff({ metadata, spec }: VirtualMachine): Promise<void> {
    if (spec.runStrategy === 'Halted') return;
    const { client, world, log } = this.#deps;
    const { name, namespace, resourceVersion, uid } = metadata;
    const patch = { metadata: { resourceVersion, uid }, spec: { runStrategy: 'Halted' } };
    try {
      world.wroteVm(await client.mergePatch<VirtualMachine>(virtualMachines, { namespace, name }, patch));
    } catch (error) {
      // KubeVirt writes the same object all the time: it is tried again with the deletion.
      if (!isNotFound(error) && !isConflict(error) && refusedBy(error) === undefined) throw error;
      log.debug({ vm: name, err: error }, 'a virtual machine that cannot be deleted was not powered off either');
    }
  }

  #forget(jobKey: string, uid: string): void {
    this.#pauses.forget(uid);
    const known = this.#refused.get(jobKey);
    known?.delete(uid);
    if (known?.size === 0) this.#refused.delete(jobKey);
  }
}

const nothingRefused: ReadonlyMap<string, string> = new Map();
