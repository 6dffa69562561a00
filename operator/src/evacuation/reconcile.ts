// Carries out evacuation, one job at a time.
// Promises: at most one migration of a guest at a time, under a name that derives from those before it; the ledger gets one
// entry per migration, whoever made it and however it ended; room is taken before the first await, so that two guests that are
// decided on at the same time never get the same.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import type { Node } from '../api/kubernetes.ts';
import { isMigrationOver } from '../api/kubevirt.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { nodes, virtualMachineInstanceMigrations, virtualMachineInstanceSubresources } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isAlreadyExists, isNotFound, toKubeError, type KubeError } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { Pauses } from '../kube/pauses.ts';
import { needsOfJob } from '../model/capacity.ts';
import { attemptsOf, isStopped, lastAttempt, openAttempt, workedSeconds } from '../model/job.ts';
import { machineOf } from '../model/machine.ts';
import { annotations, attemptLabels, labels, vmName } from '../model/names.ts';
import type { LeaveReason } from '../model/reasons.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import { evacuate, type EvacuationDecision, type EvacuationInput, type EvacuationSettings } from './decide.ts';
import type { DowntimeObserver } from './downtime.ts';
import { stateOf } from './failures.ts';
import { isUnasked, staleMark } from './leave.ts';
import { createEvacuationMetrics, type EvacuationMetrics } from './metrics.ts';
import { entryOf, isRecorded, phaseAt } from './records.ts';
import type { Room } from './room.ts';
import { Telling } from './telling.ts';
import type { Traffic } from './traffic.ts';
import type { Wakes } from './wakes.ts';

/** How soon a migration that KubeVirt refused, or a call-off, is tried again. */
const refusedMs = 2_000;
/** How long a machine that a guest will be made anew on is kept free for its claim. */
const claimMs = 10_000;
/** How long what KubeVirt writes a moment after the end of a migration is waited for. */
const aftermathMs = 5_000;

export interface EvacuationParts {
  readonly downtime: DowntimeObserver;
  readonly traffic: Traffic;
  readonly wakes: Wakes;
  readonly room: Room;
  /** Whether a machine may be lost soon. */
  readonly isSilent: (machine: string) => boolean;
}

export class Evacuation {
  readonly #deps: Deps;
  readonly #parts: EvacuationParts;
  readonly #settings: EvacuationSettings;
  readonly #metrics: EvacuationMetrics;
  readonly #telling: Telling;
  /** Jobs whose guests have to leave sooner than others, and wait for their turn. */
  readonly #urgent = new Set<string>();
  /** Between tries to have a mark taken away, by job key. */
  readonly #marks: Pauses;

  constructor(deps: Deps, parts: EvacuationParts, settings: EvacuationSettings) {
    this.#deps = deps;
    this.#parts = parts;
    this.#settings = settings;
    this.#telling = new Telling(deps);
    this.#marks = new Pauses(deps.clock, { baseMs: refusedMs, maxMs: 600_000 });
    this.#metrics = createEvacuationMetrics(deps.registry, () => parts.wakes.waiting);
  }

  readonly reconcile = async (key: string, _context: ReconcileContext): Promise<Result> => {
    const { wakes, traffic } = this.#parts;
    const input = this.#look(key);
    const decision = input && evacuate(input);
    if (decision?.kind === 'stay' && decision.urgent === true) this.#urgent.add(key);
    // Those that let it go first wait for no event that anybody else would tell of.
    else if (this.#urgent.delete(key) && this.#urgent.size === 0) wakes.mayHelp();
    if (decision?.kind === 'stay') wakes.waits(key, decision.awaits);
    else {
      wakes.settled(key);
      this.#telling.forget(key);
    }
    if (!this.#deps.world.jobs.get(key)) {
      for (const { metadata } of traffic.goneOf(key)) traffic.forget(metadata.uid ?? '');
      this.#marks.forget(key);
    }
    const again = input && decision && (await this.#apply(key, input, decision));
    const left = this.#marks.left(key);
    return { requeueAfterMs: left > 0 ? Math.min(again ?? left, left) : again };
  };

  /** Undefined when there is nothing to decide. */
  #look(key: string): EvacuationInput | undefined {
    const { world, clock } = this.#deps;
    const { traffic, room, isSilent } = this.#parts;
    const job = world.jobs.get(key);
    const attempt = job && lastAttempt(job);
    if (!job || !attempt) return undefined;
    // A job that its user stopped comes nowhere again.
    this.#keepPromise(key, isStopped(job) ? Infinity : (openAttempt(job)?.number ?? 0));
    const namespace = job.metadata.namespace ?? '';
    const known = attemptsOf(job).flatMap(({ virtualMachine }) => world.migrationsOf(`${namespace}/${virtualMachine}`));
    const seen = new Set(known.map(({ metadata }) => metadata.uid));
    const gone = traffic.goneOf(key).filter(({ metadata }) => !seen.has(metadata.uid));
    for (const migration of gone) if (isRecorded(job, migration)) traffic.forget(migration.metadata.uid ?? '');
    const migrations = [...known, ...gone];
    const ofAttempt = ({ metadata }: { readonly metadata: { readonly name: string } }): boolean =>
      metadata.name === attempt.virtualMachine;
    const vmi = world.vmisOf(key).find(ofAttempt);
    const told = getCondition(job.status?.conditions, 'Interrupted')?.status === 'True';
    const node = world.nodes.get(vmi?.status?.nodeName ?? attempt.node);
    // Guests that have moved keep their migrations, and most changes of them are of no concern here.
    if (!told && isUnasked(vmi, node) && migrations.every((each) => isMigrationOver(each) && isRecorded(job, each))) {
      return undefined;
    }
    const nowMs = clock.now();
    return {
      job,
      vm: world.vmsOf(key).find(ofAttempt),
      vmi,
      migrations,
      pods: world.podsOf(key),
      pool: world.promises.applyTo(world.pool(), nowMs),
      verdicts: room.now(),
      explain: this.#telling.isDue(key, job, 'NoMachineForGuest'),
      moving: traffic.moving(nowMs),
      mayUnmark: this.#marks.left(key) === 0,
      urgentWaits: this.#urgent.size > 0,
      isSilent,
      nowMs,
      settings: this.#settings,
    };
  }

  /** The job has a machine by a later attempt, or wants none any more: what was kept free for it is taken, or not needed. */
  #keepPromise(key: string, attempt: number): void {
    const { promises } = this.#deps.world;
    const promised = promises.of(key);
    if (promised?.kind !== 'remaking' || (promised.departure?.attempt ?? 0) >= attempt) return;
    promises.withdraw(promised);
  }

  /** @returns when to look again, if that is known. */
  async #apply(key: string, input: EvacuationInput, decision: EvacuationDecision): Promise<number | undefined> {
    const { job, vmi } = input;
    if (decision.kind !== 'wait') this.#metrics.decided(decision.kind);
    switch (decision.kind) {
      case 'wait':
        return decision.retryInMs;
      case 'stay':
        return Math.min(decision.retryInMs ?? Infinity, await this.#telling.stay(key, job, decision));
      case 'settled':
        return this.#settle(job, decision);
      case 'cancel':
        return this.#cancel(job, decision);
      case 'unmark':
        return vmi && this.#unmark(key, job, vmi, decision.node);
      case 'recreate':
        return this.#recreate(key, job, decision);
      case 'migrate':
        return this.#migrate(key, job, decision);
      case 'record':
        return this.#record(input, decision);
    }
  }

  async #migrate(
    key: string,
    job: ComputeJob,
    decision: Extract<EvacuationDecision, { kind: 'migrate' }>,
  ): Promise<number | undefined> {
    const { client, world, log, clock } = this.#deps;
    const { traffic } = this.#parts;
    const { name, target, attempt, message, leaving } = decision;
    const { namespace } = job.metadata;
    const instance = `${namespace}/${attempt.virtualMachine}`;
    const promised = world.promises.make({
      ...{ kind: 'migration', job: key, guest: instance, to: target, needs: needsOfJob(job.spec) },
      departure: { attempt: attempt.number, instance, from: leaving.from, sinceMs: clock.now() },
    });
    const migration = {
      metadata: {
        name,
        namespace,
        labels: attemptLabels(job.metadata.name, attempt.number),
        annotations: {
          [annotations.leaveReason]: leaving.reason,
          // Longer than our own patience, which has words for what it sees; this one works while no operator does.
          [annotations.unschedulableTimeout]: String(Math.ceil(this.#settings.targetReadyMs / 1000) + 30),
        },
      },
      spec: { vmiName: attempt.virtualMachine, addedNodeSelector: { [labels.hostname]: target } },
    };
    try {
      const made = await client.create<VirtualMachineInstanceMigration>(virtualMachineInstanceMigrations, migration);
      world.wroteMigration(made);
      traffic.made(made, clock.now());
      world.promises.fulfilled(promised);
    } catch (caught) {
      world.promises.withdraw(promised);
      if (isAlreadyExists(caught)) return refusedMs;
      return await this.#refused(job, decision, toKubeError(caught));
    }
    log.info({ job: job.metadata.name, from: leaving.from, to: target, migration: name }, 'migrating');
    await this.#telling.say(job, 'Migrating', message, { toNode: target, migration: name, cause: leaving.reason });
    return undefined;
  }

  /** KubeVirt's webhook, or a quota, would not have the migration. */
  async #refused(
    job: ComputeJob,
    { attempt, target, leaving }: Extract<EvacuationDecision, { kind: 'migrate' }>,
    error: KubeError,
  ): Promise<number | undefined> {
    const answer = error.body?.message ?? error.message;
    if (error.kind === 'badRequest' && /in-flight migration|finalized state|does not exist/.test(answer)) {
      // What the caches do not show yet: another migration is under way, or the guest has ended.
      return refusedMs;
    }
    if (error.kind !== 'badRequest' && error.kind !== 'invalid' && error.kind !== 'forbidden') throw error;
    const at = microTime(this.#deps.clock.now());
    const message = `${leaving.words}, but the move to ${target} was refused: ${answer}`;
    const reason = 'MigrationFailed';
    const where = { attempt: attempt.number, node: leaving.from, toNode: target };
    const entry = { at, reason, rung: 'Migrate', ...where, seconds: 0, message } as const;
    await this.#telling.write(job, { entry, active: true, reason, cause: leaving.reason });
    return refusedMs;
  }

  async #cancel(
    job: ComputeJob,
    { migration, reason, message, attempt }: Extract<EvacuationDecision, { kind: 'cancel' }>,
  ): Promise<number | undefined> {
    const { client, clock } = this.#deps;
    const { namespace, name, uid, creationTimestamp } = migration.metadata;
    if (!isRecorded(job, migration)) {
      const at = microTime(clock.now());
      const seconds = Math.max(0, clock.now() - Date.parse(creationTimestamp ?? at)) / 1000;
      const toNode = migration.spec.addedNodeSelector?.[labels.hostname];
      const entry = {
        at,
        reason,
        rung: 'Migrate',
        attempt: attempt.number,
        node: attempt.node,
        ...(toNode === undefined ? {} : { toNode }),
        migration: name,
        seconds,
        message,
      };
      await this.#telling.write(job, { entry, active: reason === 'MigrationFailed', reason });
    }
    try {
      await client.delete(virtualMachineInstanceMigrations, { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return refusedMs;
  }

  async #unmark(key: string, job: ComputeJob, vmi: VirtualMachineInstance, node: string): Promise<number | undefined> {
    const { client, log } = this.#deps;
    const { namespace, name } = vmi.metadata;
    // The mark may be news and the machine's closing still on the way to us: a drain must not be called off by that.
    const fresh = vmi.status?.nodeName === node ? await this.#machineNow(node) : undefined;
    if (fresh && staleMark(vmi, fresh) === undefined) return 100;
    try {
      const body = { evacuationNodeName: node };
      await client.act(
        virtualMachineInstanceSubresources,
        { namespace, name },
        { subresource: 'evacuate/cancel', body },
      );
    } catch (error) {
      // Somebody else's mark by now, or KubeVirt would not, or is too old for it (1.8 was the first): what is true then is seen
      // at the next look.
      const { kind } = toKubeError(error);
      if (kind !== 'notFound' && kind !== 'server' && kind !== 'forbidden' && kind !== 'badRequest') throw error;
      const words = 'the request to leave was not called off';
      if (kind === 'forbidden') log.warn({ instance: name, node, err: error }, words);
      else log.debug({ instance: name, node, err: error }, words);
      this.#marks.next(key);
      return 0;
    }
    this.#marks.forget(key);
    log.info({ job: job.metadata.name, node }, 'a request to leave was called off');
    return refusedMs;
  }

  /** Undefined when there is none. */
  async #machineNow(name: string) {
    try {
      return machineOf(await this.#deps.client.get<Node>(nodes, { name }));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #settle(
    job: ComputeJob,
    { reason, message, attempt }: Extract<EvacuationDecision, { kind: 'settled' }>,
  ): Promise<undefined> {
    const at = microTime(this.#deps.clock.now());
    const entry = { at, reason, attempt: attempt.number, node: attempt.node, message };
    await this.#telling.write(job, { entry, active: false, reason });
  }

  async #recreate(
    key: string,
    job: ComputeJob,
    { attempt, message, leaving, target }: Extract<EvacuationDecision, { kind: 'recreate' }>,
  ): Promise<undefined> {
    const { clock, writer, world } = this.#deps;
    const nowMs = clock.now();
    const at = microTime(nowMs);
    const { namespace, name } = job.metadata;
    const instance = `${namespace}/${attempt.virtualMachine}`;
    const { reason, from } = leaving;
    const promised = world.promises.make({
      ...{ kind: 'remaking', job: key, to: target, needs: needsOfJob(job.spec), untilMs: nowMs + claimMs },
      guest: `${namespace}/${vmName(name, attempt.number + 1)}`,
      departure: { attempt: attempt.number, instance, from, sinceMs: nowMs },
    });
    const since = attempt.started ?? attempt.claimed ?? at;
    const secondsLost = workedSeconds(job, since, nowMs);
    const entry = { at, reason, rung: 'Kill', attempt: attempt.number, node: from, seconds: secondsLost, message };
    const ended = { at, reason, message, secondsLost, failure: false, interruption: entry };
    try {
      await writer.status(job, status.attemptEnded(job, ended));
    } catch (error) {
      world.promises.withdraw(promised);
      throw error;
    }
    const facts = { attempt: attempt.number, node: from, toNode: target, secondsLost, rung: 'Kill' };
    this.#deps.ledger.record(job, { ...facts, at, reason, message });
    this.#telling.tell(job, at, 'RecreatedElsewhere', message, { ...facts, cause: reason });
  }

  async #record(
    { job, vmi, pods }: EvacuationInput,
    { migration, attempt, leaving }: Extract<EvacuationDecision, { kind: 'record' }>,
  ): Promise<number | undefined> {
    const nowMs = this.#deps.clock.now();
    const at = microTime(nowMs);
    const uid = migration.metadata.uid ?? '';
    const good = migration.status?.phase === 'Succeeded';
    const own = vmi?.metadata.name === migration.spec.vmiName ? vmi : undefined;
    const down = this.#parts.downtime.of(uid);
    const state = stateOf(migration, own);
    const endedMs = Date.parse(state?.endTimestamp ?? phaseAt(migration, migration.status?.phase ?? '') ?? at);
    // KubeVirt copies the times into the migration a pass after its phase, and Ready comes back about a tenth of a second
    // after the hand-over; both are waited for, but not for ever.
    const complete = !good || (state?.endTimestamp !== undefined && !down.pending);
    if (!complete && own && nowMs - endedMs < aftermathMs) return 100;
    const entry = entryOf({ migration, vmi: own, pods, attempt, at, downtimeSeconds: down.seconds });
    const stood = down.seconds ?? 0;
    const counted =
      stood > 0 ? { ...job, status: status.stoodStill(job, { attempt: attempt.number, seconds: stood }) } : job;
    const reason = good ? 'Migrated' : 'MigrationFailed';
    const message = !good && leaving ? `${leaving.words}, but ${entry.message}` : entry.message;
    const cause = good && entry.reason !== 'Migrated' ? (entry.reason as LeaveReason) : leaving?.reason;
    const said = getCondition(job.status?.conditions, 'Interrupted')?.status === 'True';
    if (openAttempt(job) && (good || leaving || said)) {
      const active = !good && leaving !== undefined;
      await this.#telling.write(counted, { entry: { ...entry, message }, active, reason, cause }, job);
    } else {
      await this.#deps.writer.status(job, status.recorded(counted, entry));
      this.#telling.tell(job, at, reason, message, { ...entry, cause });
    }
    this.#parts.traffic.forget(uid);
    if (good) this.#metrics.migrated(entry.seconds, down.seconds);
    else this.#metrics.failed();
    return undefined;
  }
}
