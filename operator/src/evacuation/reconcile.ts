// Carries out evacuation, one job at a time.
// Promises: at most one migration of a guest at a time, under a name that derives from those before it; the ledger gets one
// entry per migration, whoever wrote it first.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import type { MigrationState, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { virtualMachineInstanceMigrations } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isAlreadyExists, isNotFound, toKubeError } from '../kube/errors.ts';
import { microTime } from '../kube/micro-time.ts';
import { lastAttempt } from '../model/job.ts';
import { annotations, attemptLabels, labels } from '../model/names.ts';
import type { EvacuationReason } from '../model/reasons.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import { evacuate, type EvacuationDecision, type EvacuationSettings } from './decide.ts';
import type { DowntimeObserver } from './downtime.ts';
import type { LedgerNote } from '../ledger/entry.ts';
import { evacuationNote } from './events.ts';
import { createEvacuationMetrics, type EvacuationMetrics } from './metrics.ts';

/** How soon a migration that KubeVirt refused is tried again. */
const refusedMs = 2_000;

export class Evacuation {
  readonly #deps: Deps;
  readonly #downtime: DowntimeObserver;
  readonly #settings: EvacuationSettings;
  readonly #metrics: EvacuationMetrics;

  constructor(deps: Deps, downtime: DowntimeObserver, settings: EvacuationSettings) {
    this.#deps = deps;
    this.#downtime = downtime;
    this.#settings = settings;
    this.#metrics = createEvacuationMetrics(deps.registry);
  }

  readonly reconcile = async (key: string, _context: ReconcileContext): Promise<Result> => {
    const { world, clock } = this.#deps;
    const job = world.jobs.get(key);
    const attempt = job && lastAttempt(job);
    if (!job || !attempt) return;
    const vmi = world.vmisOf(key).find(({ metadata }) => metadata.name === attempt.virtualMachine);
    if (!vmi) return;
    const migrations = world.migrationsOf(`${vmi.metadata.namespace}/${vmi.metadata.name}`);
    const input = { job, vmi, migrations, pool: world.pool(), nowMs: clock.now(), settings: this.#settings };
    const requeueAfterMs = await this.#apply(job, vmi, evacuate(input));
    return { requeueAfterMs };
  };

  /** @returns when to look again, if that is known. */
  async #apply(
    job: ComputeJob,
    vmi: VirtualMachineInstance,
    decision: EvacuationDecision,
  ): Promise<number | undefined> {
    const { clock, writer } = this.#deps;
    const at = microTime(clock.now());
    if (decision.kind !== 'wait') this.#metrics.decided(decision.kind);
    switch (decision.kind) {
      case 'wait':
        return decision.retryInMs;
      case 'stay':
        await this.#say(job, true, decision.reason, decision.message);
        return decision.retryInMs;
      case 'settled':
        await this.#say(job, false, 'Migrated', decision.message);
        return undefined;
      case 'cancel': {
        const { namespace, name, uid } = decision.migration.metadata;
        await this.#say(job, true, 'MigrationFailed', `the migration ${name} was called off: ${decision.message}`, {
          migration: name,
        });
        const { client } = this.#deps;
        try {
          await client.delete(virtualMachineInstanceMigrations, { namespace, name }, { preconditions: { uid } });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return refusedMs;
      }
      case 'recreate': {
        const { attempt, message } = decision;
        const since = attempt.started ?? attempt.claimed ?? at;
        const secondsLost = Math.max(0, (Date.parse(at) - Date.parse(since)) / 1000);
        const node = vmi.status?.nodeName ?? attempt.node;
        const entry = {
          at,
          reason: 'Drained',
          rung: 'Kill',
          attempt: attempt.number,
          node,
          seconds: secondsLost,
          message,
        };
        const ended = { at, reason: 'Drained', message, secondsLost, failure: false, interruption: entry } as const;
        await writer.status(job, status.attemptEnded(job, ended));
        const facts = { attempt: attempt.number, node, toNode: decision.target, secondsLost, rung: 'Kill' };
        this.#deps.ledger.record(job, { ...facts, at, reason: 'Drained', message });
        this.#tell(job, at, 'RecreatedElsewhere', message, facts);
        return undefined;
      }
      case 'migrate':
        return this.#migrate(job, vmi, decision);
      case 'record':
        return this.#record(job, vmi, decision.migration, decision.attempt.number, at);
    }
  }

  async #migrate(
    job: ComputeJob,
    vmi: VirtualMachineInstance,
    { name, target, attempt, message }: Extract<EvacuationDecision, { kind: 'migrate' }>,
  ): Promise<number | undefined> {
    const { client, world, log } = this.#deps;
    const { namespace } = vmi.metadata;
    const migration = {
      metadata: {
        name,
        namespace,
        labels: attemptLabels(job.metadata.name, attempt.number),
        annotations: { [annotations.unschedulableTimeout]: String(Math.ceil(this.#settings.targetReadyMs / 1000)) },
      },
      spec: { vmiName: vmi.metadata.name, addedNodeSelector: { [labels.hostname]: target } },
    };
    try {
      const made = await client.create<VirtualMachineInstanceMigration>(virtualMachineInstanceMigrations, migration);
      world.wroteMigration(made);
    } catch (caught) {
      if (isAlreadyExists(caught)) return refusedMs;
      const error = toKubeError(caught);
      if (error.kind !== 'badRequest' && error.kind !== 'invalid') throw error;
      await this.#say(
        job,
        true,
        'MigrationFailed',
        `KubeVirt refused to move it to ${target}: ${error.body?.message ?? error.message}`,
      );
      return refusedMs;
    }
    log.info({ job: job.metadata.name, from: attempt.node, to: target, migration: name }, 'migrating');
    await this.#say(job, true, 'Migrating', message, { toNode: target, migration: name });
    return undefined;
  }

  async #record(
    job: ComputeJob,
    vmi: VirtualMachineInstance,
    migration: VirtualMachineInstanceMigration,
    attempt: number,
    at: string,
  ): Promise<number | undefined> {
    const state = migrationStateOf(migration, vmi);
    const down = this.#downtime.of(migration.metadata.uid ?? '');
    const ended = Date.parse(state?.endTimestamp ?? at);
    // KubeVirt copies the times into the migration a pass after its phase; they are waited for, but not for ever.
    if (state?.endTimestamp === undefined && Date.parse(at) - succeededMs(migration) < 5_000) return 100;
    // Ready comes back about a tenth of a second after the hand-over; it is waited for, but not for ever.
    if (down.pending && Date.parse(at) - ended < 5_000) return 100;
    const seconds = Math.max(0, ended - Date.parse(state?.startTimestamp ?? at)) / 1000;
    const from = state?.sourceNode ?? '';
    const to = state?.targetNode ?? migration.spec.addedNodeSelector?.[labels.hostname] ?? '';
    const stood = down.seconds === undefined ? '' : `, and stood still for ${down.seconds} s of it`;
    const message = `the guest moved from ${from} to ${to} in ${seconds} s${stood}`;
    const entry = {
      at,
      reason: 'Drained' as const,
      rung: 'Migrate',
      attempt,
      node: from,
      toNode: to,
      migration: migration.metadata.name,
      seconds,
      ...(down.seconds === undefined ? {} : { downtimeSeconds: down.seconds }),
      message,
    };
    const recorded = status.recorded(job, entry);
    const settled = status.interrupted(
      { ...job, status: recorded },
      { active: false, reason: 'Migrated', message, at },
    );
    await this.#deps.writer.status(job, settled);
    this.#metrics.migrated(seconds, down.seconds);
    this.#deps.log.info({ job: job.metadata.name, from, to, seconds, downtimeSeconds: down.seconds }, 'migrated');
    const { reason: cause, at: _at, message: _message, ...facts } = entry;
    this.#tell(job, at, 'Migrated', message, { ...facts, cause });
    return undefined;
  }

  /** The condition and, when its words are new, an event. */
  async #say(
    job: ComputeJob,
    active: boolean,
    reason: EvacuationReason,
    message: string,
    more: Partial<LedgerNote> = {},
  ): Promise<void> {
    const before = getCondition(job.status?.conditions, 'Interrupted');
    if (before?.message === message && before.status === (active ? 'True' : 'False')) return;
    const at = microTime(this.#deps.clock.now());
    await this.#deps.writer.status(job, status.interrupted(job, { active, reason, message, at }));
    const attempt = lastAttempt(job);
    const facts = { attempt: attempt?.number, node: attempt?.node, ...more };
    if (before?.reason !== reason || !active) this.#tell(job, at, reason, message, facts);
  }

  #tell(job: ComputeJob, at: string, reason: EvacuationReason, message: string, facts: Partial<LedgerNote>): void {
    this.#deps.log.info({ job: job.metadata.name, reason }, message);
    this.#deps.ledger.record(job, evacuationNote(at, reason, message, facts));
  }
}

/** The instance has it first; the migration keeps it. */
function migrationStateOf(
  migration: VirtualMachineInstanceMigration,
  vmi: VirtualMachineInstance,
): MigrationState | undefined {
  const own = migration.status?.migrationState;
  const current = vmi.status?.migrationState;
  return own?.endTimestamp === undefined && current?.migrationUid === migration.metadata.uid ? current : own;
}

/** When the migration succeeded, ms since the epoch. */
function succeededMs({ status }: VirtualMachineInstanceMigration): number {
  const times = status?.phaseTransitionTimestamps ?? [];
  return Date.parse(times.find(({ phase }) => phase === 'Succeeded')?.phaseTransitionTimestamp ?? '') || 0;
}
