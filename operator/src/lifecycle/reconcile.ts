// Carries out the life of one job: read, decide, apply.
// Promises: the plan (status) is written before what depends on it; every step may be repeated after being killed; the
// finalizer goes only when a fresh look at the API server shows nothing of the job left.

import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { annotationOf, removeFinalizer } from '../api/meta.ts';
import { computeJobs, pods, secrets, virtualMachineInstances, virtualMachines } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../api/resources.ts';
import { isFinished, lastAttempt, openAttempt } from '../model/job.ts';
import { annotations, finalizer, labels } from '../model/names.ts';
import * as status from '../model/status.ts';
import { poolAffinity } from '../render/virtual-machine.ts';
import type { Deps } from '../deps.ts';
import type { Consoles } from './console.ts';
import { createAttempt } from './create.ts';
import { decideLifecycle, nothingRead, type LifecycleDecision, type LifecycleSettings } from './decide.ts';
import { createdNote, endedNote, finishedNote, startedNote, troubleNote } from './events.ts';
import { createLifecycleMetrics, type LifecycleMetrics } from './metrics.ts';
import { isOfAttempt, type Guest } from './observe.ts';

/** How soon something that is blocked by an object outside our sight is tried again. */
const blockedMs = 1_000;
/** How soon a deletion is looked at again that no event may tell of. */
const leftoverMs = 500;

export class Lifecycle {
  readonly #deps: Deps;
  readonly #consoles: Consoles;
  readonly #settings: LifecycleSettings;
  readonly #metrics: LifecycleMetrics;
  /** Secrets known to be gone, by job uid; Secrets are not watched. */
  readonly #gone = new Map<string, Set<string>>();

  constructor(deps: Deps, consoles: Consoles, settings: LifecycleSettings) {
    this.#deps = deps;
    this.#consoles = consoles;
    this.#settings = settings;
    this.#metrics = createLifecycleMetrics(deps.registry);
  }

  readonly reconcile = async (key: string, { log }: ReconcileContext): Promise<Result> => {
    const { world, clock } = this.#deps;
    const job = world.jobs.get(key);
    if (!job) {
      this.#consoles.forget(key);
      return;
    }
    const vms = world
      .vmsOf(key)
      .filter((vm) => vm.metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid));
    const vmis = world.vmisOf(key);
    const guest = this.#guest(key, job, vms);
    const console = this.#console(key, job, guest);
    const input = { job, vms, vmis, guest, console, nowMs: clock.now(), settings: this.#settings };
    let again: number | undefined;
    for (const decision of decideLifecycle(input)) {
      const after = await this.#apply(key, job, decision);
      if (after !== undefined) again = Math.min(again ?? after, after);
    }
    log.trace({ again }, 'reconciled');
    return { requeueAfterMs: again };
  };

  #guest(key: string, job: ComputeJob, vms: readonly VirtualMachine[]): Guest {
    const { world } = this.#deps;
    const attempt = lastAttempt(job);
    if (!attempt) return { pods: [], migrations: [] };
    const name = attempt.virtualMachine;
    return {
      vm: vms.find(({ metadata }) => metadata.name === name),
      vmi: world.vmisOf(key).find(({ metadata }) => metadata.name === name),
      pods: world.podsOf(key).filter((pod) => isOfAttempt(pod, attempt.number)),
      migrations: world.migrationsOf(`${job.metadata.namespace}/${name}`),
    };
  }

  #console(key: string, job: ComputeJob, guest: Guest) {
    const attempt = openAttempt(job);
    const nonce = guest.vm && annotationOf(guest.vm, annotations.nonce);
    if (!attempt || !nonce || job.metadata.deletionTimestamp !== undefined) {
      this.#consoles.forget(key);
      return nothingRead;
    }
    return this.#consoles.follow(key, nonce, guest.pods);
  }

  /** @returns when to look again, if that is known. */
  async #apply(key: string, job: ComputeJob, decision: LifecycleDecision): Promise<number | undefined> {
    const { client, clock, writer, ledger, log } = this.#deps;
    const at = microTime(clock.now());
    const attempt = lastAttempt(job);
    const number = attempt?.number ?? 0;
    switch (decision.kind) {
      case 'deleteVm': {
        const { uid, name, namespace } = decision.vm.metadata;
        log.info({ job: key, vm: name, why: decision.why }, 'deleting a virtual machine');
        await ignoring(isGoneOrOther, client.delete(virtualMachines, { namespace, name }, { preconditions: { uid } }));
        return undefined;
      }
      case 'deleteSecret':
        await this.#deleteSecret(job, decision.name);
        return undefined;
      case 'removeFinalizer':
        return this.#release(key, job);
      case 'deleteJob': {
        const { uid, name, namespace } = job.metadata;
        log.info({ job: key }, 'deleting a finished job whose time is over');
        await ignoring(isGoneOrOther, client.delete(computeJobs, { namespace, name }, { preconditions: { uid } }));
        return undefined;
      }
      case 'createVm': {
        const made = await createAttempt(this.#deps, job, decision.attempt);
        if (made.kind === 'blocked') {
          const message = `attempt ${number}: ${made.message}`;
          if (job.status?.message !== message) {
            ledger.record(job, troubleNote(at, attempt, made.reason, message));
            await writer.status(job, status.noted(job, { reason: made.reason, message }));
          }
          return blockedMs;
        }
        this.#deps.world.wroteVm(made.vm);
        const createdAt = microTime(clock.now());
        ledger.record(job, createdNote(createdAt, decision.attempt));
        await writer.status(job, status.created(job, createdAt));
        return undefined;
      }
      case 'created':
        await writer.status(job, status.created(job, at));
        return undefined;
      case 'running':
        await writer.status(job, status.running(job, at));
        return undefined;
      case 'started': {
        const written = await writer.status(job, status.started(job, { at, reachable: decision.reachable }));
        const begun = lastAttempt(written);
        if (begun) this.#metrics.started(begun);
        log.info({ job: key, attempt: number, node: attempt?.node }, 'started');
        if (begun) ledger.record(job, startedNote(at, begun));
        return undefined;
      }
      case 'moved':
        log.info({ job: key, from: attempt?.node, to: decision.node }, 'the guest has moved');
        await writer.status(job, status.moved(job, decision.node));
        return undefined;
      case 'migratable':
        await writer.status(job, status.migratable(job, { ...decision, at }));
        return undefined;
      case 'note':
        ledger.record(job, troubleNote(at, attempt, decision.reason, decision.message));
        await writer.status(job, status.noted(job, decision));
        return undefined;
      case 'releasePin':
        await this.#releasePin(decision.vm);
        return undefined;
      case 'end':
        return this.#end(key, job, decision, at);
      case 'wake':
        return decision.afterMs;
    }
  }

  async #end(
    key: string,
    job: ComputeJob,
    decision: Extract<LifecycleDecision, { kind: 'end' }>,
    at: string,
  ): Promise<number | undefined> {
    const attempt = openAttempt(job);
    if (!attempt) return undefined;
    if (decision.reason === 'TakenAway' && (await this.#isStillThere(key, job, attempt.virtualMachine)))
      return blockedMs;
    const lost = decision.reason === 'TakenAway' ? secondsSince(attempt.started, at) : undefined;
    const ended = status.attemptEnded(job, { ...decision, at, secondsLost: lost });
    const { outcome } = decision;
    const next =
      outcome === undefined ? ended : status.finished({ ...job, status: ended }, { ...decision, outcome, at });
    await this.#deps.writer.status(job, next);
    this.#deps.log.info({ job: key, attempt: attempt.number, reason: decision.reason, outcome }, decision.message);
    this.#metrics.ended(decision.reason);
    if (outcome) this.#metrics.finished(outcome);
    const seconds = secondsSince(attempt.started, at);
    this.#deps.ledger.record(job, endedNote(at, attempt, decision, { seconds, secondsLost: lost }));
    if (outcome) this.#deps.ledger.record(job, finishedNote(at, attempt, decision));
    return undefined;
  }

  /** Our caches may be behind: a virtual machine that they do not have is gone only when the API server says so. */
  async #isStillThere(key: string, job: ComputeJob, name: string): Promise<boolean> {
    if (this.#deps.world.vmsOf(key).some(({ metadata }) => metadata.name === name)) return false;
    const ref = { namespace: job.metadata.namespace, name };
    const vm = await orUndefined(this.#deps.client.get<VirtualMachine>(virtualMachines, ref));
    return vm !== undefined && vm.metadata.deletionTimestamp === undefined;
  }

  async #releasePin(vm: VirtualMachine): Promise<void> {
    const { name, namespace, resourceVersion, uid } = vm.metadata;
    const patch = { metadata: { resourceVersion, uid }, spec: { template: { spec: { affinity: poolAffinity } } } };
    try {
      const written = await this.#deps.client.mergePatch<VirtualMachine>(virtualMachines, { namespace, name }, patch);
      this.#deps.world.wroteVm(written);
    } catch (error) {
      // KubeVirt writes the same object all the time; its next event brings us here again.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  async #deleteSecret(job: ComputeJob, name: string): Promise<void> {
    const uid = job.metadata.uid ?? '';
    const gone = this.#gone.get(uid) ?? new Set();
    this.#gone.set(uid, gone);
    if (gone.has(name)) return;
    await ignoring(isNotFound, this.#deps.client.delete(secrets, { namespace: job.metadata.namespace, name }));
    gone.add(name);
  }

  /** Lets the job go, once nothing of it is left. */
  async #release(key: string, job: ComputeJob): Promise<number | undefined> {
    const { client, writer, log } = this.#deps;
    const finalizers = removeFinalizer(job, finalizer);
    if (!finalizers) return undefined;
    const { namespace, name, uid } = job.metadata;
    const left = async (type: ResourceType): Promise<number> =>
      (await client.list<KubeObject>(type, { namespace, labelSelector: `${labels.job}=${name}` })).items.length;
    const counts = await Promise.all([virtualMachines, virtualMachineInstances, pods].map(left));
    if (counts.some((count) => count > 0)) return leftoverMs;
    await ignoring(isNotFound, writer.finalizers(job, finalizers));
    this.#gone.delete(uid ?? '');
    this.#consoles.forget(key);
    if (!isFinished(job)) log.info({ job: key }, 'deleted before its end');
    return undefined;
  }
}

function secondsSince(from: string | undefined, at: string): number | undefined {
  return from === undefined ? undefined : Math.max(0, (Date.parse(at) - Date.parse(from)) / 1000);
}

/** Gone, or replaced by another object of the same name: either way not ours to delete any more. */
function isGoneOrOther(error: unknown): boolean {
  return isNotFound(error) || isConflict(error);
}

async function ignoring(expected: (error: unknown) => boolean, act: Promise<unknown>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!expected(error)) throw error;
  }
}

async function orUndefined<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
