// Carries out recovery, one machine at a time.
// Promises: before a machine is declared lost or sealed its leases are read once more from the API server; a lease is sealed only
// as it was when it was judged, and what depends on the seal waits for it; every step may be repeated.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Lease, Node, Taint } from '../api/kubernetes.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import { leases, nodes, pods, virtualMachineInstanceMigrations, virtualMachineInstances } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound, KubeError } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { keyOf } from '../kube/object.ts';
import { openAttempt, workedSeconds, type Attempt } from '../model/job.ts';
import { machineLeaseNamespace, taints } from '../model/names.ts';
import { taintsForPatch } from '../model/taints.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import { jobKeyOf } from '../world/world.ts';
import { recoverMachine, type Held, type RecoveryDecision } from './decide.ts';
import { machineEvent, machineLostNote } from './events.ts';
import { createRecoveryMetrics, type RecoveryMetrics } from './metrics.ts';
import type { Leases, Patience, Voice } from './leases.ts';
import { sealOf } from './seal.ts';

const leaseNamespaces: Readonly<Record<Voice, string>> = { agent: machineLeaseNamespace, kubelet: 'kube-node-lease' };
/** An answer that took longer than an agent's renewals are apart says nothing of how long a machine has been silent. */
const stoodStillMs = 2_000;
/** How soon a guest is looked at again of which the API server knows more than our caches. */
const behindMs = 1_000;

export class Recovery {
  readonly #deps: Deps;
  readonly #leases: Leases;
  readonly #patience: Patience;
  readonly #metrics: RecoveryMetrics;

  constructor(deps: Deps, heard: Leases, patience: Patience) {
    this.#deps = deps;
    this.#leases = heard;
    this.#patience = patience;
    this.#metrics = createRecoveryMetrics(deps.registry);
  }

  readonly reconcile = async (machine: string, context: ReconcileContext): Promise<Result> => {
    const unwritten = new Map<string, unknown>();
    const result = await this.#recover(machine, context, unwritten);
    for (const error of unwritten.values()) throw error;
    return result;
  };

  /** @param unwritten by key: jobs whose ends could not be written, and why. */
  async #recover(machine: string, context: ReconcileContext, unwritten: Map<string, unknown>): Promise<Result> {
    const { world } = this.#deps;
    const node = world.nodes.get(machine);
    if (node) {
      const lease = world.informers.leases.store.get(`${leaseNamespaces.kubelet}/${machine}`);
      this.#leases.saw('kubelet', machine, lease);
    }
    let decisions = this.#decide(machine, node);
    if (!node && decisions.some(({ kind }) => kind !== 'lookAgain') && (await this.#hasNode(machine))) return;
    if (!node && decisions.length === 0) {
      this.#leases.forget(machine);
      return;
    }
    if (decisions.some(({ kind }) => kind === 'taint' || kind === 'seal')) {
      const lease = await this.#readLeases(machine);
      decisions = this.#decide(machine, node);
      const sealing = decisions.some(({ kind }) => kind === 'seal');
      if (lease && sealing) {
        const before = await this.#carryOut(
          machine,
          node,
          decisions.filter(({ kind }) => kind !== 'seal'),
          context,
          unwritten,
        );
        // What waits for the seal is decided anew, and so is everything when the machine turns out to live.
        if (before === undefined) await this.#seal(machine, node, lease);
        return { requeueAfterMs: before ?? 0 };
      }
    }
    return { requeueAfterMs: await this.#carryOut(machine, node, decisions, context, unwritten) };
  }

  /** @returns when to look again, if that is known. */
  async #carryOut(
    machine: string,
    node: Node | undefined,
    decisions: readonly RecoveryDecision[],
    { log }: ReconcileContext,
    unwritten: Map<string, unknown>,
  ): Promise<number | undefined> {
    let again: number | undefined;
    for (const decision of decisions) {
      // Once its pod is removed, a guest looks like one that somebody took away.
      if (decision.kind === 'removePod' && unwritten.has(jobKeyOf(decision.pod) ?? '')) continue;
      try {
        const after = await this.#apply(machine, node, decision);
        if (after !== undefined) again = Math.min(again ?? after, after);
      } catch (error) {
        // The next look sees what it is now. A taint that failed must not be passed over: everything waits for it.
        if (decision.kind === 'taint') throw error;
        if (!isConflict(error) && !isNotFound(error)) {
          if (decision.kind !== 'endAttempt' || !isOfObject(error)) throw error;
          // The job of somebody else on the machine must not wait for what is wrong with this one.
          unwritten.set(keyOf(decision.job), error);
          continue;
        }
        log.debug({ kind: decision.kind }, 'the object changed meanwhile');
        again = Math.min(again ?? 100, 100);
      }
    }
    return again;
  }

  #decide(machine: string, node: Node | undefined): RecoveryDecision[] {
    const hearing = this.#leases.of(machine);
    const { blind } = this.#leases;
    return recoverMachine({ machine, node, hearing, blind, patience: this.#patience }, () => this.#held(machine));
  }

  /** By the indexes of the world, so that the cost is that of what the machine holds. */
  #held(machine: string): Held {
    const { world } = this.#deps;
    const instance = (key: string) => world.informers.vmis.store.get(key);
    const there = world.vmisOn(machine);
    const migrations = world.migrationsTouching(machine);
    const guests = there.flatMap((vmi) => world.jobs.get(jobKeyOf(vmi) ?? '') ?? []);
    const jobs = [...new Map([...world.jobsOn(machine), ...guests].map((job) => [keyOf(job), job])).values()];
    const elsewhere = [
      ...jobs.map((job) => `${job.metadata.namespace}/${openAttempt(job)?.virtualMachine}`),
      ...migrations.map(({ metadata, spec }) => `${metadata.namespace}/${spec.vmiName}`),
    ].flatMap((key) => instance(key) ?? []);
    return { jobs, vmis: [...new Set([...there, ...elsewhere])], pods: world.podsOn(machine), migrations };
  }

  /** Our caches may be behind; a Node is gone only when the API server says so. */
  async #hasNode(machine: string): Promise<boolean> {
    try {
      await this.#deps.client.get<Node>(nodes, { name: machine });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Its last move may not have been told yet: what ran on the lost machine a moment ago is not lost if it has left. */
  async #runsElsewhere(job: ComputeJob, { virtualMachine }: Attempt, machine: string): Promise<boolean> {
    const ref = { namespace: job.metadata.namespace, name: virtualMachine };
    try {
      const vmi = await this.#deps.client.get<VirtualMachineInstance>(virtualMachineInstances, ref);
      const { nodeName } = vmi.status ?? {};
      return nodeName !== undefined && nodeName !== machine;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /**
   * What the watch has not told yet, or cannot tell because it broke, must not cost a machine its guests.
   * @returns the lease of its agent.
   */
  async #readLeases(machine: string): Promise<Lease | undefined> {
    const lease = await this.#readLease('agent', machine);
    if (!lease) await this.#readLease('kubelet', machine);
    return lease;
  }

  async #readLease(voice: Voice, machine: string): Promise<Lease | undefined> {
    const { client, clock } = this.#deps;
    const askedMs = clock.monotonic();
    try {
      const ref = { namespace: leaseNamespaces[voice], name: machine };
      const lease = await client.get<Lease>(leases, ref);
      // A server that stood still so long has heard no machine meanwhile, and its watches did not break for that.
      if (clock.monotonic() - askedMs > stoodStillMs) this.#leases.lostSight(voice);
      this.#leases.regainedSight(voice);
      this.#leases.saw(voice, machine, lease);
      return lease;
    } catch (error) {
      if (isNotFound(error)) {
        this.#leases.regainedSight(voice);
        if (voice === 'agent') this.#leases.saw(voice, machine, undefined);
        return undefined;
      }
      this.#leases.lostSight(voice);
      throw error;
    }
  }

  /** A conflict says that somebody wrote to the lease meanwhile: most likely its agent, which lives. */
  async #seal(machine: string, node: Node | undefined, judged: Lease): Promise<void> {
    const { client, log } = this.#deps;
    const { silentMs } = this.#leases.of(machine);
    try {
      this.#leases.saw('agent', machine, await client.replace<Lease>(leases, sealOf(judged)));
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      log.info({ machine }, 'a machine was heard at the last moment');
      this.#metrics.sealRefused();
      await this.#readLease('agent', machine);
      return;
    }
    const event = machineEvent('MachineSealed', machine, silentMs);
    log.warn({ machine, silentMs: Math.round(silentMs) }, event.message);
    this.#metrics.machineSealed();
    if (node) this.#deps.ledger.machine(node, event);
  }

  /** @returns when to look again, if that is known. */
  async #apply(machine: string, node: Node | undefined, decision: RecoveryDecision): Promise<number | undefined> {
    const { client, log, clock } = this.#deps;
    switch (decision.kind) {
      case 'taint': {
        const { silentMs } = this.#leases.of(machine);
        await this.#taint(node, (own) => [...own, { key: taints.lost, effect: 'NoSchedule' }]);
        const event = machineEvent('MachineLost', machine, silentMs);
        log.warn({ machine, silentMs: Math.round(silentMs) }, event.message);
        this.#metrics.machineLost();
        if (node) this.#deps.ledger.machine(node, event);
        return undefined;
      }
      case 'untaint': {
        await this.#taint(node, (own) => own.filter(({ key }) => key !== taints.lost));
        const event = machineEvent('MachineBack', machine, 0);
        log.info({ machine }, event.message);
        this.#metrics.machineBack();
        if (node) this.#deps.ledger.machine(node, event);
        return undefined;
      }
      case 'seal':
        // Its lease is gone since it was judged.
        return 0;
      case 'endMigration': {
        const { namespace, name, uid } = decision.migration.metadata;
        log.info({ machine, migration: name }, 'ending a migration that touches a lost machine');
        await client.delete(virtualMachineInstanceMigrations, { namespace, name }, { preconditions: { uid } });
        return undefined;
      }
      case 'removePod': {
        const { namespace, name, uid } = decision.pod.metadata;
        log.info({ machine, pod: name }, 'removing a launcher pod of a lost machine');
        await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
        return undefined;
      }
      case 'endAttempt': {
        const { job, attempt, message } = decision;
        if (await this.#runsElsewhere(job, attempt, machine)) return behindMs;
        const at = microTime(clock.now());
        const since = attempt.started ?? attempt.claimed;
        const secondsLost = since === undefined ? 0 : workedSeconds(job, since, Date.parse(at));
        const interruption = {
          at,
          reason: 'MachineLost',
          attempt: attempt.number,
          node: machine,
          seconds: secondsLost,
          message,
        };
        const next = status.attemptEnded(job, {
          at,
          reason: 'MachineLost',
          message,
          secondsLost,
          failure: false,
          interruption,
        });
        await this.#deps.writer.status(job, next);
        log.warn(
          { job: job.metadata.name, attempt: attempt.number, machine, secondsLost },
          'attempt lost with its machine',
        );
        this.#metrics.attemptLost(secondsLost);
        this.#deps.ledger.record(
          job,
          machineLostNote({ at, attempt: attempt.number, node: machine, secondsLost, message }),
        );
        return undefined;
      }
      case 'lookAgain':
        return decision.afterMs;
    }
  }

  async #taint(node: Node | undefined, change: (own: readonly Taint[]) => Taint[]): Promise<void> {
    if (!node) return;
    const { name, resourceVersion } = node.metadata;
    const patch = { metadata: { resourceVersion }, spec: { taints: taintsForPatch(change(node.spec?.taints ?? [])) } };
    try {
      this.#deps.world.nodes.wrote(await this.#deps.client.mergePatch<Node>(nodes, { name }, patch));
    } catch (error) {
      if (isConflict(error)) this.#deps.world.nodes.forget(name);
      throw error;
    }
  }
}

/** The server answers; what it refuses or fails at may be the matter of one object. */
function isOfObject(error: unknown): boolean {
  const kinds: readonly string[] = ['invalid', 'badRequest', 'forbidden', 'server'];
  return error instanceof KubeError && kinds.includes(error.kind);
}
