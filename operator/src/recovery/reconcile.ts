// Carries out recovery, one machine at a time.
// Promises: before a machine is declared lost its lease is read once more from the API server; every step may be repeated.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Lease, Node, Taint } from '../api/kubernetes.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import { leases, nodes, pods, virtualMachineInstanceMigrations, virtualMachineInstances } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { keyOf } from '../kube/object.ts';
import { openAttempt, type Attempt } from '../model/job.ts';
import { taints } from '../model/names.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import { jobKeyOf } from '../world/world.ts';
import { recoverMachine, type Held, type RecoveryDecision } from './decide.ts';
import { machineLostNote } from './events.ts';
import { createRecoveryMetrics, type RecoveryMetrics } from './metrics.ts';
import type { Leases } from './leases.ts';

const leaseNamespace = 'kube-node-lease';
/** How soon a guest is looked at again of which the API server knows more than our caches. */
const behindMs = 1_000;

export interface RecoverySettings {
  readonly lostAfterMs: number;
}

export class Recovery {
  readonly #deps: Deps;
  readonly #leases: Leases;
  readonly #settings: RecoverySettings;
  readonly #metrics: RecoveryMetrics;

  constructor(deps: Deps, heard: Leases, settings: RecoverySettings) {
    this.#deps = deps;
    this.#leases = heard;
    this.#settings = settings;
    this.#metrics = createRecoveryMetrics(deps.registry);
  }

  readonly reconcile = async (machine: string, context: ReconcileContext): Promise<Result> => {
    const { world } = this.#deps;
    const node = world.nodes.get(machine);
    if (node) {
      const lease = world.informers.leases.store.get(`${leaseNamespace}/${machine}`);
      this.#leases.saw(machine, lease?.spec?.renewTime ?? '');
    }
    let decisions = this.#decide(machine, node);
    if (!node) {
      this.#leases.forget(machine);
      if (decisions.length === 0 || (await this.#hasNode(machine))) return;
    }
    if (decisions.some(({ kind }) => kind === 'taint')) {
      await this.#readLease(machine);
      decisions = this.#decide(machine, node);
    }
    let again: number | undefined;
    for (const decision of decisions) {
      try {
        const after = await this.#apply(machine, node, decision);
        if (after !== undefined) again = Math.min(again ?? after, after);
      } catch (error) {
        // The next look sees what it is now. A taint that failed must not be passed over: everything waits for it.
        if (decision.kind === 'taint' || (!isConflict(error) && !isNotFound(error))) throw error;
        context.log.debug({ kind: decision.kind }, 'the object changed meanwhile');
        again = Math.min(again ?? 100, 100);
      }
    }
    return { requeueAfterMs: again };
  };

  #decide(machine: string, node: Node | undefined): RecoveryDecision[] {
    const hearing = node ? this.#leases.of(machine) : { silentMs: 0, renewed: false };
    const { blind } = this.#leases;
    const { lostAfterMs } = this.#settings;
    return recoverMachine({ machine, node, hearing, blind, lostAfterMs }, () => this.#held(machine));
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

  /** What the watch has not told yet, or cannot tell because it broke, must not cost a machine its guests. */
  async #readLease(machine: string): Promise<void> {
    try {
      const lease = await this.#deps.client.get<Lease>(leases, { namespace: leaseNamespace, name: machine });
      this.#leases.regainedSight();
      this.#leases.saw(machine, lease.spec?.renewTime ?? '');
    } catch (error) {
      if (isNotFound(error)) {
        this.#leases.regainedSight();
        return;
      }
      this.#leases.lostSight();
      throw error;
    }
  }

  /** @returns when to look again, if that is known. */
  async #apply(machine: string, node: Node | undefined, decision: RecoveryDecision): Promise<number | undefined> {
    const { client, log, clock } = this.#deps;
    switch (decision.kind) {
      case 'taint': {
        const { silentMs } = this.#leases.of(machine);
        await this.#taint(node, (own) => [...own, { key: taints.lost, effect: 'NoSchedule' }]);
        log.warn({ machine, silentMs: Math.round(silentMs) }, 'machine lost');
        this.#metrics.machineLost();
        return undefined;
      }
      case 'untaint':
        await this.#taint(node, (own) => own.filter(({ key }) => key !== taints.lost));
        log.info({ machine }, 'machine is back');
        this.#metrics.machineBack();
        return undefined;
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
        const secondsLost = since === undefined ? 0 : Math.max(0, (Date.parse(at) - Date.parse(since)) / 1000);
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
    const taintsNow = change(node.spec?.taints ?? []);
    const patch = { metadata: { resourceVersion }, spec: { taints: taintsNow.length === 0 ? null : taintsNow } };
    try {
      this.#deps.world.nodes.wrote(await this.#deps.client.mergePatch<Node>(nodes, { name }, patch));
    } catch (error) {
      if (isConflict(error)) this.#deps.world.nodes.forget(name);
      throw error;
    }
  }
}
