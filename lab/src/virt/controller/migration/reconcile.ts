// VirtualMachineInstanceMigrations: reads one with its instance and pods from the watches, carries out what decide.ts says.
// Order of writes: pod, instance, migration, so that a pass that dies in between is taken up again by the next.
import {
  pods as podType,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
} from '@idlewild/operator/api/resources.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import { MIGRATION_JOB_LABEL, currentPod, isDown, type LauncherPod } from '../../model/launcher-pod.ts';
import type { Migration } from '../../model/migration.ts';
import type { ControllerDeps } from '../deps.ts';
import { podsOf } from '../vmi/reconcile.ts';
import { deleteExactly, writeDifference } from '../write.ts';
import { decideMigration, type MigrationDecision, type MigrationEvent } from './decide.ts';
import { superfluous } from './queue.ts';

export function migrationReconciler(deps: ControllerDeps) {
  return async (key: string): Promise<{ requeueAfterMs?: number } | undefined> => {
    const migration = deps.watches.migrations.store.get(key);
    if (!migration) return undefined;
    const vmi = await instanceOf(deps, migration);
    const pods = vmi ? podsOf(deps, vmi.metadata.uid) : [];
    const source = vmi ? currentPod(vmi, pods) : undefined;
    const decision = decideMigration({
      migration,
      vmi,
      pods,
      sourceNode: deps.watches.nodes.store.get(source?.spec.nodeName ?? ''),
      all: deps.watches.migrations.store.list(),
      sourceNodeOf: (each) => deps.watches.vmis.store.get(vmiKey(each))?.status?.nodeName,
      configuration: deps.config.migrations,
      now: deps.clock.now(),
    });
    await carryOut(deps, migration, vmi, decision);
    await removeSuperfluous(deps, migration, pods);
    return decision.requeueAfterMs === undefined ? undefined : { requeueAfterMs: decision.requeueAfterMs };
  };
}

function vmiKey(migration: Migration): string {
  return `${migration.metadata.namespace ?? ''}/${migration.spec.vmiName}`;
}

/** A migration may be seen before its instance is: before an absence counts, it is confirmed by the API server. */
async function instanceOf(deps: ControllerDeps, migration: Migration): Promise<VirtualMachineInstance | undefined> {
  const known = deps.watches.vmis.store.get(vmiKey(migration));
  if (known) return known;
  try {
    const ref = { namespace: migration.metadata.namespace, name: migration.spec.vmiName };
    return await deps.client.get<VirtualMachineInstance>(virtualMachineInstances, ref);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function carryOut(
  deps: ControllerDeps,
  migration: Migration,
  vmi: VirtualMachineInstance | undefined,
  decision: MigrationDecision,
): Promise<void> {
  const { client } = deps;
  const events: MigrationEvent[] = [...decision.events];
  if (decision.createPod && vmi) {
    const pod = await createTarget(deps, vmi, decision);
    if (!pod) return;
    const message = `Created migration target pod ${pod.metadata.name}`;
    events.push({ on: 'migration', type: 'Normal', reason: 'SuccessfulCreate', message });
  }
  if (decision.deletePod) await deleteExactly(client, podType, decision.deletePod);
  if (decision.vmi && vmi) await writeDifference(client, virtualMachineInstances, vmi, decision.vmi);
  await writeMigration(deps, migration, decision.next);
  if (decision.deleteSelf) await deleteExactly(client, virtualMachineInstanceMigrations, migration);
  for (const event of events) note(deps, event, migration, vmi);
}

/** A target that the API server refuses (a selector value that is no label, for example) is silently tried again, as in KubeVirt. */
async function createTarget(
  deps: ControllerDeps,
  vmi: VirtualMachineInstance,
  decision: MigrationDecision,
): Promise<LauncherPod | undefined> {
  if (!decision.createPod) return undefined;
  const pod = await deps.client.create<LauncherPod>(podType, decision.createPod);
  deps.madePods.add(vmi.metadata.uid, pod);
  return pod;
}

/** Status first: when the last finalizer goes, the migration may be gone with it. */
async function writeMigration(deps: ControllerDeps, before: Migration, after: Migration): Promise<void> {
  const { client } = deps;
  const status = after.status;
  const changed = status ? { ...before, status } : before;
  const stored = await writeDifference(client, virtualMachineInstanceMigrations, before, changed, 'status');
  const finalizers = after.metadata.finalizers ?? [];
  if (finalizers.length === (before.metadata.finalizers ?? []).length) return;
  const next = { ...stored, metadata: { ...stored.metadata, finalizers } };
  await writeDifference(client, virtualMachineInstanceMigrations, stored, next);
}

async function removeSuperfluous(deps: ControllerDeps, of: Migration, pods: readonly LauncherPod[]): Promise<void> {
  const siblings = deps.watches.migrations.store
    .byIndex('namespace', of.metadata.namespace ?? '')
    .filter((each) => each.spec.vmiName === of.spec.vmiName);
  for (const migration of superfluous(siblings)) {
    await deleteExactly(deps.client, virtualMachineInstanceMigrations, migration);
    const left = pods.filter(
      (pod) => pod.metadata.labels?.[MIGRATION_JOB_LABEL] === migration.metadata.uid && isDown(pod),
    );
    for (const pod of left) await deleteExactly(deps.client, podType, pod);
  }
}

function note(
  deps: ControllerDeps,
  event: MigrationEvent,
  migration: Migration,
  vmi: VirtualMachineInstance | undefined,
): void {
  const subject = event.on === 'vmi' && vmi ? vmi : migration;
  const kind = subject === migration ? 'VirtualMachineInstanceMigration' : 'VirtualMachineInstance';
  const { name, namespace, uid } = subject.metadata;
  const regarding = { apiVersion: 'kubevirt.io/v1', kind, name, uid, ...(namespace ? { namespace } : {}) };
  deps.events.event(regarding, {
    type: event.type,
    reason: event.reason,
    action: event.reason,
    message: event.message,
  });
}
