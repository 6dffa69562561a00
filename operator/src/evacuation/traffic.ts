// Who is moving now, and whose move was just decided: what every further decision must count with.
// Promises: a migration that is still being made counts, so that no more are made than may be; migrations whose object is gone before anybody recorded them are kept until somebody has. Bounded memory.

import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { isMigrationOver } from '../api/kubevirt.ts';
import { createdAtMs } from '../api/meta.ts';
import { keyOf } from '../kube/object.ts';
import type { Change } from '../kube/store.ts';
import { targetOf } from '../model/pool.ts';
import type { Promises } from '../world/promises.ts';

/** A guest on its way. */
export interface Moving {
  /** namespace/name of the instance. */
  readonly instance: string;
  /** Name of the migration; undefined while it is being made. */
  readonly migration?: string | undefined;
  readonly from: string;
  readonly to?: string | undefined;
  /** When it was decided or made, ms since the epoch. */
  readonly sinceMs: number;
}

const unheardMs = 30_000;
const mostGone = 1_000;

export class Traffic {
  readonly #instanceOf: (key: string) => VirtualMachineInstance | undefined;
  /** By uid. */
  readonly #underWay = new Map<string, VirtualMachineInstanceMigration>();
  /** By uid: made by us and not heard of yet; forgotten then, ms since the epoch. */
  readonly #unheard = new Map<string, number>();
  /** By uid, with the key of the job. */
  readonly #gone = new Map<string, { readonly job: string; readonly migration: VirtualMachineInstanceMigration }>();
  /** Their uids by job: every look at a guest asks for its own. */
  readonly #goneOf = new Map<string, Set<string>>();
  readonly #promises: Promises;

  /** @param instanceOf the instance of namespace/name. */
  constructor(instanceOf: (key: string) => VirtualMachineInstance | undefined, promises: Promises) {
    this.#instanceOf = instanceOf;
    this.#promises = promises;
  }

  /** @param job key of the job whose guest it moves; undefined when it is not one of ours. */
  saw({ type, object }: Change<VirtualMachineInstanceMigration>, job: string | undefined): void {
    const uid = object.metadata.uid ?? '';
    if (type !== 'deleted' && !isMigrationOver(object)) {
      this.#underWay.set(uid, object);
      this.#unheard.delete(uid);
      return;
    }
    this.#underWay.delete(uid);
    this.#unheard.delete(uid);
    if (type !== 'deleted' || job === undefined) return;
    // Migrations go with their instance, and a cancelled one goes at once: this is the last that is heard of it.
    const last = isMigrationOver(object)
      ? object
      : { ...object, status: { ...object.status, phase: 'Failed' as const } };
    this.#gone.set(uid, { job, migration: last });
    this.#goneOf.set(job, (this.#goneOf.get(job) ?? new Set()).add(uid));
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= mostGone) break;
      this.forget(oldest);
    }
  }

  /** Migrations of that job's guests that are deleted and were not recorded. */
  goneOf(job: string): VirtualMachineInstanceMigration[] {
    return [...(this.#goneOf.get(job) ?? [])].flatMap((uid) => this.#gone.get(uid)?.migration ?? []);
  }

  /** The ledger has it, or there is no ledger any more. */
  forget(uid: string): void {
    const job = this.#gone.get(uid)?.job;
    if (job === undefined) return;
    this.#gone.delete(uid);
    const left = this.#goneOf.get(job);
    left?.delete(uid);
    if (left?.size === 0) this.#goneOf.delete(job);
  }

  /** The server's answer to the creation of a migration. */
  made(migration: VirtualMachineInstanceMigration, nowMs: number): void {
    const uid = migration.metadata.uid ?? '';
    if (this.#underWay.has(uid)) return;
    this.#underWay.set(uid, migration);
    this.#unheard.set(uid, nowMs + unheardMs);
  }

  moving(nowMs: number): Moving[] {
    this.#expire(nowMs);
    const beingMade = this.#promises.list(nowMs).flatMap(({ kind, departure, to }): Moving[] => {
      return kind === 'migration' && departure ? [{ ...departure, to }] : [];
    });
    return [...[...this.#underWay.values()].map((migration) => this.#movingOf(migration)), ...beingMade];
  }

  #movingOf(migration: VirtualMachineInstanceMigration): Moving {
    const instance = `${migration.metadata.namespace}/${migration.spec.vmiName}`;
    const vmi = this.#instanceOf(instance);
    const state = vmi?.status?.migrationState;
    const own = state?.migrationUid === migration.metadata.uid ? state?.sourceNode : undefined;
    return {
      instance,
      migration: keyOf(migration),
      from: own ?? vmi?.status?.nodeName ?? '',
      to: targetOf(migration, vmi),
      sinceMs: createdAtMs(migration) ?? 0,
    };
  }

  #expire(nowMs: number): void {
    for (const [uid, untilMs] of this.#unheard) {
      if (untilMs > nowMs) continue;
      this.#unheard.delete(uid);
      this.#underWay.delete(uid);
    }
  }
}
