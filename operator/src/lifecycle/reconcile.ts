// Carries out the life of one job: read, decide, apply.
// Promises: the plan (status) is written before what depends on it; every step may be repeated after being killed. A job that is
// deleted is gone at once: what was made for it follows by its owner references, and what does not is swept.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Pod } from '../api/kubernetes.ts';
import { isInstanceOver, type VirtualMachine, type VirtualMachineInstance } from '../api/kubevirt.ts';
import { annotationOf, isBeingDeleted, isOwnedBy } from '../api/meta.ts';
import { computeJobs, pods, virtualMachineInstances, virtualMachines } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { NetworkObstacle } from '../isolation/obstacle.ts';
import { microTime } from '../kube/micro-time.ts';
import { keyOf, type KubeObject } from '../kube/object.ts';
import { Pauses } from '../kube/pauses.ts';
import { lastAttempt, openAttempt, workedSeconds, type Attempt } from '../model/job.ts';
import { isLost } from '../model/machine.ts';
import { annotations, attemptLabels, labels, secretName, secretNameOfVm } from '../model/names.ts';
import * as status from '../model/status.ts';
import { isNonce } from '../render/markers.ts';
import { poolAffinity } from '../render/virtual-machine.ts';
import type { Deps } from '../deps.ts';
import type { Consoles } from './console.ts';
import { createAttempt, deleteSecret, refusedBy, type Created } from './create.ts';
import {
  decideLifecycle,
  nothingRead,
  type ConsoleReading,
  type LifecycleDecision,
  type LifecycleSettings,
} from './decide.ts';
import { createdNote, endedNote, finishedNote, startedNote, stoppedNotes, troubleNote } from './events.ts';
import { consoleUrlOf } from './console-url.ts';
import { createLifecycleMetrics, type LifecycleMetrics } from './metrics.ts';
import { hasRun, isPodOfAttempt, whoEnded, type Guest } from './observe.ts';
import { collectorMs, OrphanWatch, orphansOf, type Orphan } from './orphans.ts';
import type { EndDecision } from './outcome.ts';
import { restorationOf, type Restoration } from './own-fields.ts';
import { Removal } from './removal.ts';

/** How soon a virtual machine is looked for again that the API server has and our caches have not. */
const behindMs = 1_000;

export class Lifecycle {
  readonly #deps: Deps;
  readonly #consoles: Consoles;
  readonly #settings: LifecycleSettings;
  readonly #metrics: LifecycleMetrics;
  readonly #orphans = new OrphanWatch();
  readonly #removal: Removal;
  /** Between tries of what was refused, by job key; between restorations of one virtual machine, by its uid. */
  readonly #refused: Pauses;
  readonly #restored: Pauses;
  readonly #silenceOf: (machine: string) => number | undefined;
  readonly #obstacleOf: (job: ComputeJob) => NetworkObstacle | undefined;

  /**
   * @param silenceOf how long a machine was silent a short while ago, if that was long, ms.
   * @param obstacleOf why a job cannot have its network.
   */
  constructor(
    deps: Deps,
    consoles: Consoles,
    settings: LifecycleSettings,
    silenceOf: (machine: string) => number | undefined,
    obstacleOf: (job: ComputeJob) => NetworkObstacle | undefined,
  ) {
    this.#deps = deps;
    this.#silenceOf = silenceOf;
    this.#obstacleOf = obstacleOf;
    this.#consoles = consoles;
    this.#settings = settings;
    this.#metrics = createLifecycleMetrics(deps.registry);
    this.#removal = new Removal(deps);
    this.#refused = new Pauses(deps.clock, { baseMs: 1_000, maxMs: 60_000 });
    this.#restored = new Pauses(deps.clock, { baseMs: 10_000, maxMs: 600_000 });
  }

  readonly reconcile = async (key: string, context: ReconcileContext): Promise<Result> => {
    const { world, clock } = this.#deps;
    const job = world.jobs.get(key);
    const vms = world.vmsOf(key);
    const vmis = world.vmisOf(key);
    // What is left of former attempts must hold up nothing else: it may be that it cannot be deleted for a long time.
    const failures: unknown[] = [];
    const passOver = (error: unknown): undefined => void failures.push(error);
    const refusals = this.#removal.refusals(key, [...vms, ...vmis, ...(job ? [job] : [])]);
    let again = await this.#sweep(key, orphansOf(vms, job)).catch(passOver);
    if (job) {
      const own = vms.filter((vm) => isOwnedBy(vm, job.metadata.uid ?? ''));
      const guest = this.#guest(key, job, own);
      const console = this.#console(key, job, guest);
      const settings = this.#settings;
      const machine = openAttempt(job)?.node;
      const machineLost = this.#isLost(machine);
      const silenceMs = machine === undefined ? undefined : this.#silenceOf(machine);
      const state = { guest, console, machineLost, silenceMs, refusals };
      const input = { job, vms: own, vmis, ...state, nowMs: clock.now(), settings };
      for (const decision of decideLifecycle(input)) {
        const after = await this.#apply(key, job, decision).catch((error: unknown) => {
          // The job was deleted meanwhile, or its namespace: the watch will tell, and if not, the next try.
          if (!isNotFound(error)) {
            if (decision.kind !== 'deleteVm' && decision.kind !== 'deleteVmi') throw error;
            return passOver(error);
          }
          context.log.debug({ kind: decision.kind }, 'the job or its namespace is gone');
          return behindMs;
        });
        if (after !== undefined) again = Math.min(again ?? after, after);
      }
    } else {
      this.#consoles.forget(key);
      this.#refused.forget(key);
    }
    if (failures.length > 0) throw failures[0];
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
      pods: world.podsOf(key).filter((pod) => isPodOfAttempt(pod, attempt.number)),
      migrations: world.migrationsOf(`${job.metadata.namespace}/${name}`),
    };
  }

  #console(key: string, job: ComputeJob, { vm, vmi, pods }: Guest): ConsoleReading {
    if (!openAttempt(job) || !vm || isBeingDeleted(job)) {
      this.#consoles.forget(key);
      return nothingRead;
    }
    const nonce = annotationOf(vm, annotations.nonce) ?? '';
    // Somebody edited it: nothing that the guest prints can be told from what others print.
    if (!isNonce(nonce)) return { ...nothingRead, current: true, complete: true };
    return this.#consoles.follow(key, nonce, pods, vmi !== undefined && isInstanceOver(vmi));
  }

  #isLost(machine: string | undefined): boolean {
    const node = machine === undefined ? undefined : this.#deps.world.nodes.get(machine);
    return machine !== undefined && (node === undefined || isLost(node));
  }

  /** @returns when to look again, if that is known. */
  async #apply(key: string, job: ComputeJob, decision: LifecycleDecision): Promise<number | undefined> {
    const { clock, writer, ledger, log } = this.#deps;
    const at = microTime(clock.now());
    const attempt = lastAttempt(job);
    switch (decision.kind) {
      case 'deleteVm':
        this.#restored.forget(decision.vm.metadata.uid ?? '');
        this.#refused.forget(keyOf(decision.vm));
        if (await this.#isBehind(job, decision.vm)) return behindMs;
        return this.#removal.remove(virtualMachines, decision.vm, { jobKey: key, job, why: decision.why });
      case 'deleteVmi':
        if (await this.#isBehind(job, decision.vmi)) return behindMs;
        return this.#removal.remove(virtualMachineInstances, decision.vmi, { jobKey: key, job, why: decision.why });
      case 'deleteSecret':
        await deleteSecret(this.#deps, {
          namespace: job.metadata.namespace,
          name: secretName(job.metadata.name, decision.attempt),
        });
        return undefined;
      case 'deleteJob':
        return this.#removal.remove(computeJobs, job, { jobKey: key, job, why: 'its time to live is over' });
      case 'createVm':
        return this.#create(key, job, decision);
      case 'starting':
        await writer.status(job, status.starting(job, { ...decision.seen, at }));
        return undefined;
      case 'started': {
        const { seen, reachable, mobility } = decision;
        const consoleUrl = consoleUrlOf(job, this.#settings.portalUrl);
        const started = status.started(job, { ...seen, at, reachable, mobility, consoleUrl });
        const written = await writer.status(job, started);
        const begun = lastAttempt(written);
        if (begun) {
          this.#metrics.started(begun);
          ledger.record(job, startedNote(at, begun));
          log.info({ job: key, attempt: begun.number, node: begun.node }, 'started');
        }
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
        await writer.status(job, status.noted(job, decision));
        ledger.record(job, troubleNote(at, attempt, decision.reason, decision.message));
        return undefined;
      case 'paused':
        await writer.status(job, status.paused(job, { ...decision, at }));
        ledger.record(job, troubleNote(at, attempt, 'GuestPaused', decision.message));
        return undefined;
      case 'resumed':
        await writer.status(job, status.resumed(job, { ...decision, at }));
        ledger.record(job, troubleNote(at, attempt, 'GuestRunning', 'the guest goes on'));
        return undefined;
      case 'releasePin':
        return this.#release(job, decision.vm, at);
      case 'restore':
        return this.#restore(key, decision.vm, decision.restoration);
      case 'readConsole':
        this.#consoles.refresh(key);
        return undefined;
      case 'end':
        return this.#end(key, job, decision, at);
      case 'stop': {
        const written = await writer.status(job, status.stopped(job, { ...decision, at }));
        log.info({ job: key, outcome: decision.outcome }, decision.message);
        this.#metrics.finished(decision.outcome);
        for (const note of stoppedNotes(at, attempt, decision)) ledger.record(written, note);
        return undefined;
      }
      case 'observed':
        await writer.status(job, status.observed(job));
        return undefined;
      case 'wake':
        return decision.afterMs;
    }
  }

  async #create(
    key: string,
    job: ComputeJob,
    { attempt }: Extract<LifecycleDecision, { kind: 'createVm' }>,
  ): Promise<number | undefined> {
    const { world, clock, writer, ledger } = this.#deps;
    const left = this.#refused.left(key);
    if (left > 0) return left;
    // The claim waited for this already; meanwhile the policy may have been deleted.
    const obstacle = this.#obstacleOf(job);
    if (obstacle?.kind === 'busy') return behindMs;
    const made: Created = obstacle ? { ...obstacle, kind: 'blocked' } : await createAttempt(this.#deps, job, attempt);
    const at = microTime(clock.now());
    if (made.kind === 'blocked') {
      const { reason, message } = made;
      if (job.status?.reason !== reason || !status.isSaid(job.status.message, message)) {
        await writer.status(job, status.noted(job, { reason, message }));
        ledger.record(job, troubleNote(at, attempt, reason, message));
      }
      return this.#refused.next(key);
    }
    this.#refused.forget(key);
    world.wroteVm(made.vm);
    ledger.record(job, createdNote(at, attempt));
    // One that was there already may have been edited, so that our caches do not even see it.
    const restoration = restorationOf(made.vm, job, attempt);
    return restoration ? this.#restore(key, made.vm, restoration) : undefined;
  }

  async #end(key: string, job: ComputeJob, decision: EndDecision, at: string): Promise<number | undefined> {
    const attempt = openAttempt(job);
    if (!attempt) return undefined;
    if (decision.reason === 'TakenAway' && (await this.#isStillThere(key, job, attempt))) return behindMs;
    const taken = decision.reason === 'TakenAway' || decision.reason === 'MachineLost';
    const lost =
      taken && attempt.started !== undefined ? workedSeconds(job, attempt.started, Date.parse(at)) : undefined;
    const ended = status.attemptEnded(job, { ...decision, at, secondsLost: lost });
    const { outcome } = decision;
    const next =
      outcome === undefined ? ended : status.finished({ ...job, status: ended }, { ...decision, outcome, at });
    await this.#deps.writer.status(job, next);
    // The next attempt meets by itself what this one met: one that ends before its first try could not say why.
    this.#refused.forget(key);
    this.#deps.log.info({ job: key, attempt: attempt.number, reason: decision.reason, outcome }, decision.message);
    this.#metrics.ended(decision.reason);
    if (outcome) this.#metrics.finished(outcome);
    const seconds = secondsSince(attempt.started, at);
    this.#deps.ledger.record(job, endedNote(at, attempt, decision, { seconds, secondsLost: lost }));
    if (outcome) this.#deps.ledger.record(job, finishedNote(at, attempt, decision));
    return undefined;
  }

  /** What belongs to an attempt that we never heard of may be of one that was claimed a moment ago, by us or by the leader before us. */
  async #isBehind(job: ComputeJob, { metadata }: KubeObject): Promise<boolean> {
    const attempt = Number(metadata.labels?.[labels.attempt]);
    if (isBeingDeleted(job) || !(attempt > (lastAttempt(job)?.number ?? 0))) return false;
    return this.#deps.writer.refresh(job);
  }

  /**
   * Our caches may be behind each other, or blind for an object whose labels somebody took away: what they do not have, or have
   * in an early state, is gone only when the API server says so. A deletion that they know of cannot be taken back.
   */
  async #isStillThere(key: string, job: ComputeJob, attempt: Attempt): Promise<boolean> {
    const { world, client } = this.#deps;
    const ref = { namespace: job.metadata.namespace, name: attempt.virtualMachine };
    const { vm: known, vmi: instance } = this.#guest(key, job, world.vmsOf(key));
    if ((known && isBeingDeleted(known)) || (known && instance && isBeingDeleted(instance))) return false;
    const vm = await orUndefined(client.get<VirtualMachine>(virtualMachines, ref));
    if (!vm || isBeingDeleted(vm) || !isOwnedBy(vm, job.metadata.uid ?? '')) return false;
    if (!known) {
      const restoration = restorationOf(vm, job, attempt);
      if (restoration) await this.#restore(key, vm, restoration);
      return true;
    }
    if (vm.spec.runStrategy === 'Halted') return false;
    const vmi = await orUndefined(client.get<VirtualMachineInstance>(virtualMachineInstances, ref));
    if (!vmi || isBeingDeleted(vmi) || (attempt.started !== undefined && !hasRun(vmi))) return false;
    if (!isInstanceOver(vmi)) return true;
    const own = attemptLabels(job.metadata.name, attempt.number);
    const labelSelector = Object.entries(own)
      .map(([label, value]) => `${label}=${value}`)
      .join(',');
    const launchers = await client.list<Pod>(pods, { namespace: ref.namespace, labelSelector });
    return whoEnded({ vm, vmi, pods: launchers.items, migrations: [] }) === undefined;
  }

  async #release(job: ComputeJob, vm: VirtualMachine, at: string): Promise<number | undefined> {
    const { name, namespace, resourceVersion, uid } = vm.metadata;
    const patch = { metadata: { resourceVersion, uid }, spec: { template: { spec: { affinity: poolAffinity } } } };
    const left = this.#refused.left(`${namespace}/${name}`);
    if (left > 0) return left;
    try {
      const written = await this.#deps.client.mergePatch<VirtualMachine>(virtualMachines, { namespace, name }, patch);
      this.#deps.world.wroteVm(written);
      this.#refused.forget(`${namespace}/${name}`);
      return undefined;
    } catch (error) {
      // KubeVirt writes the same object all the time; its next event brings us here again.
      if (isConflict(error) || isNotFound(error)) return undefined;
      const refused = refusedBy(error);
      if (refused === undefined) throw error;
      const message = `the guest stays bound to its machine, as the cluster refuses its release: ${refused}`;
      this.#deps.log.warn({ vm: name }, message);
      await this.#deps.writer.status(job, status.migratable(job, { yes: false, reason: 'Refused', message, at }));
      return this.#refused.next(`${namespace}/${name}`);
    }
  }

  async #restore(key: string, vm: VirtualMachine, { fields, patch }: Restoration): Promise<number | undefined> {
    const { name, namespace, resourceVersion, uid = '' } = vm.metadata;
    const left = this.#restored.left(uid);
    if (left > 0) return left;
    this.#restored.next(uid);
    const { metadata } = patch as { metadata?: object };
    const whole = { ...patch, metadata: { ...metadata, resourceVersion, uid } };
    try {
      const written = await this.#deps.client.mergePatch<VirtualMachine>(virtualMachines, { namespace, name }, whole);
      this.#deps.log.warn(
        { job: key, vm: name, fields },
        'restored fields of a virtual machine that somebody had edited',
      );
      this.#deps.world.wroteVm(written);
      return undefined;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return behindMs;
      const refused = refusedBy(error);
      if (refused === undefined) throw error;
      this.#deps.log.warn({ job: key, vm: name, fields, refused }, 'fields of a virtual machine cannot be restored');
      return this.#restored.left(uid);
    }
  }

  /** Deletes what Kubernetes' garbage collector has left behind, when the job is gone for the API server, too. */
  async #sweep(key: string, orphans: readonly Orphan[]): Promise<number | undefined> {
    const { client, clock } = this.#deps;
    if (orphans.length === 0) {
      this.#orphans.forget(key);
      return undefined;
    }
    const patience = this.#orphans.left(key, clock.monotonic());
    if (patience > 0) return patience;
    for (const { vm, owner } of orphans) {
      const { namespace, name } = vm.metadata;
      const job = await orUndefined(client.get<ComputeJob>(computeJobs, { namespace, name: owner.name }));
      if (job?.metadata.uid === owner.uid) continue;
      const left = await this.#removal.remove(virtualMachines, vm, { jobKey: key, why: 'its job is gone' });
      if (left === undefined) await deleteSecret(this.#deps, { namespace, name: secretNameOfVm(name) });
    }
    // What is deleted is no orphan; one whose job turned out to be there is looked at again.
    return collectorMs;
  }
}

function secondsSince(from: string | undefined, at: string): number | undefined {
  return from === undefined ? undefined : Math.max(0, (Date.parse(at) - Date.parse(from)) / 1000);
}

async function orUndefined<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
