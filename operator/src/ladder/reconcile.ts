// Carries out the yield ladder's freezing, resuming, parking and ending, one job at a time.
// Promises: the status is written before what depends on it; every step may be repeated after being killed between any two. A guest
// that is taken down while it stands still, whoever wants that and wherever its job is, goes on to hear it.

import { getCondition } from '../api/conditions.ts';
import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import type { VirtualMachine, VirtualMachineInstance } from '../api/kubevirt.ts';
import { virtualMachineInstances, virtualMachineInstanceSubresources, virtualMachines } from '../api/resources.ts';
import type { Deps } from '../deps.ts';
import type { Result } from '../kube/controller.ts';
import { isConflict, isNotFound, toKubeError, type KubeErrorKind } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { Pauses } from '../kube/pauses.ts';
import type { LedgerNote } from '../ledger/entry.ts';
import { openAttempt, type Attempt } from '../model/job.ts';
import { isLost, isWantedBack } from '../model/machine.ts';
import * as status from '../model/status.ts';
import { climb, isDeaf, isPausedByWish, type LadderDecision, type LadderInput } from './decide.ts';
import { createLadderMetrics, type LadderMetrics } from './metrics.ts';
import type { LadderSettings } from './settings.ts';
import { goesOn, parks, yields } from './statuses.ts';

/** Answers to pause and unpause after which only another look tells what is true. */
const passing: ReadonlySet<KubeErrorKind> = new Set<KubeErrorKind>([
  'conflict',
  'alreadyExists',
  'notFound',
  'badRequest',
  'timeout',
  'server',
]);

/** How soon it is looked at again whether what was asked of KubeVirt has been done. */
const askedMs = 1_000;

export class Ladder {
  readonly #deps: Deps;
  readonly #settings: LadderSettings;
  readonly #metrics: LadderMetrics;
  /** Between tries to wake the guests of a job that are taken down, by job key. */
  readonly #waking: Pauses;

  constructor(deps: Deps, settings: LadderSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#metrics = createLadderMetrics(deps.registry);
    this.#waking = new Pauses(deps.clock, { baseMs: askedMs, maxMs: 10_000 });
  }

  readonly reconcile = async (key: string): Promise<Result> => {
    const input = this.#look(key);
    const again = input && (await this.#apply(input, climb(input)));
    const wakeMs = await this.#wakeDeaf(key);
    return { requeueAfterMs: wakeMs === undefined ? again : Math.min(wakeMs, again ?? wakeMs) };
  };

  /** Whether there may be anything to decide: for most guests most of the time there is not. */
  concerns(key: string): boolean {
    return this.#concerned(key) !== undefined || this.#deaf(key).length > 0;
  }

  /** The guests of a job, of which there may be none any more, that are taken down and cannot hear it; on machines that can be asked. */
  #deaf(key: string): VirtualMachineInstance[] {
    const { world } = this.#deps;
    return world.vmisOf(key).filter((vmi) => {
      const node = isDeaf(vmi) ? world.nodes.get(vmi.status?.nodeName ?? '') : undefined;
      return node !== undefined && !isLost(node);
    });
  }

  /**
   * KubeVirt presses the power button of a guest that is deleted, again every five seconds until its grace period is over
   * (shutdownVMI of virt-handler), and then takes its power. On its owner's machine the agent holds it back meanwhile.
   * @returns when to look again, if that is known.
   */
  async #wakeDeaf(key: string): Promise<number | undefined> {
    const deaf = this.#deaf(key);
    if (deaf.length === 0) {
      this.#waking.forget(key);
      return undefined;
    }
    const left = this.#waking.left(key);
    if (left > 0) return left;
    const again = this.#waking.next(key);
    for (const vmi of deaf) await this.#ask(key, vmi, 'unpause');
    return again;
  }

  #concerned(key: string): (Pick<LadderInput, 'job' | 'vmi'> & { readonly attempt: Attempt }) | undefined {
    const { world } = this.#deps;
    const job = world.jobs.get(key);
    const attempt = job && openAttempt(job);
    if (!job || !attempt) return undefined;
    const vmi = world.vmisOf(key).find(({ metadata }) => metadata.name === attempt.virtualMachine);
    const node = world.nodes.get(vmi?.status?.nodeName ?? attempt.node);
    return job.status?.ladder || (node && isWantedBack(node)) ? { job, vmi, attempt } : undefined;
  }

  #look(key: string): LadderInput | undefined {
    const { world, clock } = this.#deps;
    const concerned = this.#concerned(key);
    if (!concerned) return undefined;
    const { job, vmi, attempt } = concerned;
    return {
      job,
      vm: world.vmsOf(key).find(({ metadata }) => metadata.name === attempt.virtualMachine),
      vmi,
      migrations: world.migrationsOf(`${job.metadata.namespace}/${attempt.virtualMachine}`),
      pool: world.pool(),
      nowMs: clock.now(),
      settings: this.#settings,
    };
  }

  /** @returns when to look again, if that is known. */
  async #apply(input: LadderInput, decision: LadderDecision): Promise<number | undefined> {
    const { job } = input;
    const at = microTime(this.#deps.clock.now());
    switch (decision.kind) {
      case 'wait':
        return decision.retryInMs;
      case 'yield': {
        const { still, node, attempt, message } = decision;
        const told = { at, attempt: attempt.number, node, message, still };
        const note = still ? ({ reason: 'Frozen', rung: 'Freeze', cause: 'OwnerReturned' } as const) : undefined;
        const written = await this.#write(job, yields(job, told), note && { ...told, ...note });
        // At once, as the owner waits for it.
        return still && input.vmi ? this.#ask(written.metadata.name, input.vmi, 'pause') : 0;
      }
      case 'pause':
      case 'unpause':
        return this.#ask(job.metadata.name, decision.vmi, decision.kind);
      case 'resumed': {
        const { node, attempt, message, stoodMs } = decision;
        const still = stoodMs === undefined ? undefined : await this.#stillNow(attempt.virtualMachine, job);
        if (still) return this.#ask(job.metadata.name, still, 'unpause');
        const seconds = stoodMs === undefined ? undefined : stoodMs / 1000;
        const told = { at, attempt: attempt.number, node, message };
        const note = seconds === undefined ? undefined : ({ reason: 'Resumed', rung: 'Freeze', seconds } as const);
        await this.#write(job, goesOn(job, { ...told, seconds }), note && { ...told, ...note });
        return undefined;
      }
      case 'park': {
        const { node, attempt, message } = decision;
        const told = { at, attempt: attempt.number, node, message };
        await this.#write(job, parks(job, told), { ...told, reason: 'Parking', rung: 'Park', cause: 'OwnerReturned' });
        return 0;
      }
      case 'halt': {
        const still = await this.#stillNow(decision.vm.metadata.name, job);
        return still ? this.#ask(job.metadata.name, still, 'unpause') : this.#halt(job, decision.vm);
      }
      case 'end':
        return this.#end(job, decision, at);
    }
  }

  async #write(job: ComputeJob, next: ComputeJobStatus, note: LedgerNote | undefined): Promise<ComputeJob> {
    const written = await this.#deps.writer.status(job, next);
    if (note) {
      this.#metrics.took(note.reason);
      this.#deps.log.info({ job: job.metadata.name, reason: note.reason, node: note.node }, note.message);
      this.#deps.ledger.record(job, note);
    }
    return written;
  }

  async #ask(job: string, vmi: VirtualMachineInstance, what: 'pause' | 'unpause'): Promise<number> {
    const { client, log } = this.#deps;
    const { namespace, name } = vmi.metadata;
    try {
      await client.act(virtualMachineInstanceSubresources, { namespace, name }, { subresource: what, body: {} });
      log.info({ job, instance: name }, what === 'pause' ? 'frozen' : 'made to go on');
    } catch (error) {
      // It is so already, it has just ended, or KubeVirt would not now, which says 400 where its agent is being started anew: what is
      // true then is seen at the next look.
      const { kind } = toKubeError(error);
      if (!passing.has(kind)) throw error;
      log.debug({ instance: name, err: error }, `${what} was refused`);
    }
    return askedMs;
  }

  /**
   * Our cache may be behind what we have done ourselves: a guest that is forgotten while it stands still would stand for
   * ever, and one that is asked to shut down would not hear it.
   */
  async #stillNow(name: string, job: ComputeJob): Promise<VirtualMachineInstance | undefined> {
    const ref = { namespace: job.metadata.namespace, name };
    try {
      const vmi = await this.#deps.client.get<VirtualMachineInstance>(virtualMachineInstances, ref);
      return isPausedByWish(vmi) ? vmi : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** KubeVirt presses the guest's power button, and takes its power when the grace period of its template is over. */
  async #halt(job: ComputeJob, vm: VirtualMachine): Promise<number> {
    const { client, world, log } = this.#deps;
    const { name, namespace, resourceVersion, uid } = vm.metadata;
    const patch = { metadata: { resourceVersion, uid }, spec: { runStrategy: 'Halted' } };
    try {
      world.wroteVm(await client.mergePatch<VirtualMachine>(virtualMachines, { namespace, name }, patch));
      log.info({ job: job.metadata.name, vm: name }, 'asked to shut down');
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    return askedMs;
  }

  async #end(job: ComputeJob, decision: Extract<LadderDecision, { kind: 'end' }>, at: string): Promise<undefined> {
    const { attempt, reason, message, secondsLost } = decision;
    const told = getCondition(job.status?.conditions, 'Interrupted');
    const since = Date.parse(job.status?.ladder?.parking ?? told?.lastTransitionTime ?? at);
    const seconds = Math.max(0, (Date.parse(at) - since) / 1000);
    const rung = reason === 'Parked' ? 'Park' : 'Kill';
    const facts = { at, rung, attempt: attempt.number, node: attempt.node, message } as const;
    const interruption = { ...facts, reason, seconds };
    const ended = { at, reason, message, secondsLost, failure: false, interruption };
    await this.#write(job, status.attemptEnded(job, ended), { ...facts, reason, secondsLost });
  }
}
