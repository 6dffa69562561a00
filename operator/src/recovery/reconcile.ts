// Carries out recovery, one machine at a time.
// Promises: before a machine is declared lost its lease is read once more from the API server; every step may be repeated.

import type { Lease, Node, Taint } from '../api/kubernetes.ts';
import { leases, nodes, pods, virtualMachineInstanceMigrations } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { taints } from '../model/names.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import { recoverMachine, type RecoveryDecision } from './decide.ts';
import { machineLostNote } from './events.ts';
import { createRecoveryMetrics, type RecoveryMetrics } from './metrics.ts';
import type { LeaseObservations } from './observations.ts';

const leaseNamespace = 'kube-node-lease';

export interface RecoverySettings {
  readonly lostAfterMs: number;
}

export class Recovery {
  readonly #deps: Deps;
  readonly #observations: LeaseObservations;
  readonly #settings: RecoverySettings;
  readonly #metrics: RecoveryMetrics;

  constructor(deps: Deps, observations: LeaseObservations, settings: RecoverySettings) {
    this.#deps = deps;
    this.#observations = observations;
    this.#settings = settings;
    this.#metrics = createRecoveryMetrics(deps.registry);
  }

  readonly reconcile = async (key: string, { log }: ReconcileContext): Promise<Result> => {
    const { world } = this.#deps;
    const node = world.nodes.get(key);
    if (!node) {
      this.#observations.forget(key);
      return;
    }
    const lease = world.informers.leases.store.get(`${leaseNamespace}/${key}`);
    this.#observations.saw(key, lease?.spec?.renewTime ?? '');
    let decisions = this.#decide(node);
    if (decisions.some(({ kind }) => kind === 'taint')) {
      await this.#readLease(key);
      decisions = this.#decide(node);
    }
    let again: number | undefined;
    for (const decision of decisions) {
      try {
        const after = await this.#apply(node, decision);
        if (after !== undefined) again = Math.min(again ?? after, after);
      } catch (error) {
        // The next look sees what it is now. A taint that failed must not be passed over: everything waits for it.
        if (decision.kind === 'taint' || (!isConflict(error) && !isNotFound(error))) throw error;
        log.debug({ kind: decision.kind }, 'the object changed meanwhile');
        again = Math.min(again ?? 100, 100);
      }
    }
    return { requeueAfterMs: again };
  };

  #decide(node: Node): RecoveryDecision[] {
    const { world } = this.#deps;
    return recoverMachine({
      node,
      ...this.#observations.of(node.metadata.name),
      blind: this.#observations.blind,
      lostAfterMs: this.#settings.lostAfterMs,
      jobs: world.jobs.list(),
      vmis: world.informers.vmis.store.list(),
      pods: world.informers.pods.store.list(),
      migrations: world.informers.migrations.store.list(),
    });
  }

  /** What the watch has not told yet, or cannot tell because it broke, must not cost a machine its guests. */
  async #readLease(machine: string): Promise<void> {
    try {
      const lease = await this.#deps.client.get<Lease>(leases, { namespace: leaseNamespace, name: machine });
      this.#observations.regainedSight();
      this.#observations.saw(machine, lease.spec?.renewTime ?? '');
    } catch (error) {
      if (isNotFound(error)) {
        this.#observations.regainedSight();
        return;
      }
      this.#observations.lostSight();
      throw error;
    }
  }

  /** @returns when to look again, if that is known. */
  async #apply(node: Node, decision: RecoveryDecision): Promise<number | undefined> {
    const { client, log, clock } = this.#deps;
    const machine = node.metadata.name;
    switch (decision.kind) {
      case 'taint': {
        const { silentMs } = this.#observations.of(machine);
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

  async #taint(node: Node, change: (own: readonly Taint[]) => Taint[]): Promise<void> {
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
