// What is due for a migration that is under way.
// Promises: pure. Only our own are called off, and only while their copy has not begun: afterwards it is quicker and safer to
// let them end.

import type { Pod } from '../api/kubernetes.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { createdAtMs, isBeingDeleted, labelOf } from '../api/meta.ts';
import type { Attempt } from '../model/job.ts';
import type { Machine } from '../model/machine.ts';
import { labels, managedBy } from '../model/names.ts';
import { freeOn, targetOf, type Pool } from '../model/pool.ts';
import type { EvacuationDecision, EvacuationSettings } from './decide.ts';
import { isCopying, stuckWords } from './failures.ts';
import type { Leaving } from './leave.ts';
import type { Moving } from './traffic.ts';

export interface UnderWayInput {
  readonly vmi: VirtualMachineInstance;
  readonly attempt: Attempt;
  readonly migration: VirtualMachineInstanceMigration;
  readonly leaving: Leaving | undefined;
  readonly pods: readonly Pod[];
  readonly pool: Pool;
  readonly moving: readonly Moving[];
  /** It was asked to shut down. */
  readonly parking: boolean;
  readonly nowMs: number;
  readonly settings: EvacuationSettings;
}

export function isOurs(migration: VirtualMachineInstanceMigration): boolean {
  return labelOf(migration, labels.managedBy) === managedBy;
}

export function watchOver(input: UnderWayInput): EvacuationDecision {
  const { vmi, attempt, migration, leaving, pool, nowMs, settings, pods } = input;
  const { name } = migration.metadata;
  if (!isOurs(migration)) {
    if (!leaving) return { kind: 'wait' };
    const message = `${leaving.words}; migration ${name}, made by somebody else, moves it`;
    return { kind: 'stay', reason: 'Migrating', cause: leaving.reason, message };
  }
  if (isBeingDeleted(migration) || isCopying(migration, vmi)) return { kind: 'wait' };
  const target = targetOf(migration, vmi) ?? '';
  if (!leaving) {
    const why = input.parking ? 'the guest is shut down instead' : `${vmi.status?.nodeName} need not be left any more`;
    const message = `${why}; the migration ${name} to ${target} was called off before its copy began`;
    return { kind: 'cancel', attempt, migration, reason: 'CalledOff', message };
  }
  const machine = pool.machine(target);
  if (machine?.lost) return { kind: 'wait' };
  const failed = (why: string): EvacuationDecision => ({
    kind: 'cancel',
    attempt,
    migration,
    reason: 'MigrationFailed',
    message: `${leaving.words}, but the migration ${name} to ${target} was given up: ${why}; the guest runs on`,
  });
  const unfit = unfitWords(machine, input, target);
  if (unfit !== undefined) return failed(unfit);
  // The target's kubelet first, then KubeVirt's agents on both sides: each has that long.
  const phase = migration.status?.phase ?? '';
  const early = phase === '' || phase === 'Pending' || phase === 'Scheduling';
  const limitMs = early ? settings.targetReadyMs : 2 * settings.targetReadyMs;
  const leftMs = (createdAtMs(migration) ?? nowMs) + limitMs - nowMs;
  if (leftMs > 0) return { kind: 'wait', retryInMs: leftMs };
  const seconds = Math.round(limitMs / 1000);
  return failed(
    early
      ? `its target was not ready within ${seconds} s, as ${stuckWords(migration, vmi, pods)}`
      : `its target was ready, but the copy did not begin within ${seconds} s`,
  );
}

/** Why the target is none any more, as a clause. */
function unfitWords(
  machine: Machine | undefined,
  { pool, moving, vmi }: UnderWayInput,
  target: string,
): string | undefined {
  if (!machine) return `${target} is gone`;
  if (machine.cordoned || machine.otherTaints.length > 0) return `${target} takes no new guests`;
  if (machine.revoked) return `${target} is revoked`;
  if (machine.ownerPresent) return `the owner of ${target} is back`;
  if (!machine.lending) return `${target} does not lend any more`;
  if (Object.values(freeOn(pool, machine)).every((left) => left >= 0)) return undefined;
  // Only the last of those on the way there gives in.
  const own = `${vmi.metadata.namespace}/${vmi.metadata.name}`;
  const arriving = moving
    .filter(({ to }) => to === target)
    .sort((a, b) => a.sinceMs - b.sinceMs || (a.instance < b.instance ? -1 : 1));
  return arriving.at(-1)?.instance === own ? `${target} has no room for it any more` : undefined;
}
