// Whose turn it is: how many migrations may run at once in the cluster and out of one node, and how long an evacuation that keeps
// failing waits before its next try.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/migration/migration.go and pkg/virt-config defaults (5 per cluster, 2 outbound per node).
import { EVACUATION_ANNOTATION, isOver, type Migration, type MigrationConfiguration } from '../../model/migration.ts';

const FIRST_BACKOFF_MS = 20_000;
const LONGEST_BACKOFF_MS = 300_000;

/** True when a target pod may be made: the running ones leave room. `sourceNodeOf` says where a migration's guest is now. */
export function hasRoom(
  migration: Migration,
  others: readonly Migration[],
  sourceNodeOf: (migration: Migration) => string | undefined,
  limits: Pick<MigrationConfiguration, 'parallelMigrationsPerCluster' | 'parallelOutboundMigrationsPerNode'>,
): boolean {
  const running = others.filter((each) => each.metadata.uid !== migration.metadata.uid && isUnderWay(each));
  if (running.length >= limits.parallelMigrationsPerCluster) return false;
  const node = sourceNodeOf(migration);
  return running.filter((each) => sourceNodeOf(each) === node).length < limits.parallelOutboundMigrationsPerNode;
}

function isUnderWay(migration: Migration): boolean {
  const phase = migration.status?.phase;
  return !isOver(migration) && phase !== undefined && phase !== '' && phase !== 'Pending';
}

/**
 * How long this evacuation still has to wait after the failed ones before it, ms. Migrations made by users do not wait.
 * @param siblings all migrations of the same instance.
 * @param now ms since the epoch.
 */
export function evacuationBackoffMs(migration: Migration, siblings: readonly Migration[], now: number): number {
  if (!isEvacuation(migration)) return 0;
  const ended = siblings
    .filter((each) => each.metadata.uid !== migration.metadata.uid && isEvacuation(each) && isOver(each))
    .sort((a, b) => endOf(b) - endOf(a));
  const succeeded = ended.findIndex((each) => each.status?.phase === 'Succeeded');
  const failures = succeeded < 0 ? ended : ended.slice(0, succeeded);
  const last = failures[0];
  if (!last) return 0;
  const wait = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures.length - 1));
  return Math.max(0, endOf(last) + wait - now);
}

function isEvacuation(migration: Migration): boolean {
  return migration.metadata.annotations?.[EVACUATION_ANNOTATION] !== undefined;
}

function endOf(migration: Migration): number {
  const entry = migration.status?.phaseTransitionTimestamps?.find((each) => each.phase === migration.status?.phase);
  return Date.parse(entry?.phaseTransitionTimestamp ?? migration.metadata.creationTimestamp ?? '');
}

/** The ended migrations beyond the newest five of an instance: they are deleted. */
export function superfluous(siblings: readonly Migration[], keep = 5): readonly Migration[] {
  const ended = siblings.filter((each) => isOver(each) && !each.metadata.deletionTimestamp);
  return ended
    .sort((a, b) => Date.parse(b.metadata.creationTimestamp ?? '') - Date.parse(a.metadata.creationTimestamp ?? ''))
    .slice(keep);
}
