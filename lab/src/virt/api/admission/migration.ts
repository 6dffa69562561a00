// Admission of VirtualMachineInstanceMigrations: one at a time for each instance, only of instances that can move.
// Pure. Facts: KubeVirt pkg/virt-api/webhooks (migration-create-admitter, migration-update-admitter) and recorded answers.
import { conditionOf } from '../../../model/meta.ts';
import { isFinal, type VirtualMachineInstance } from '../../model/instance.ts';
import { MIGRATION_FINALIZER, VMI_NAME_LABEL, isOver, type Migration } from '../../model/migration.ts';
import { sameJson } from '../../model/merge-patch.ts';
import { isControlPlane } from './accounts.ts';
import { verdictOf, type AdmissionRequest, type Verdict } from './verdict.ts';

export function mutateMigration(request: AdmissionRequest): Verdict {
  const migration = request.object as Migration;
  const finalizers = [...new Set([...(migration.metadata.finalizers ?? []), MIGRATION_FINALIZER])];
  const labels = { ...migration.metadata.labels, [VMI_NAME_LABEL]: migration.spec?.vmiName ?? '' };
  return { kind: 'allowed', object: { ...migration, metadata: { ...migration.metadata, finalizers, labels } } };
}

/** What validateNewMigration must know of the cluster. */
export interface MigrationSurroundings {
  readonly vmi: VirtualMachineInstance | undefined;
  /** The migrations that carry the instance's name as their label. */
  readonly siblings: readonly Migration[];
}

export function validateNewMigration(request: AdmissionRequest, { vmi, siblings }: MigrationSurroundings): Verdict {
  const migration = request.object as Migration;
  const vmiName = migration.spec?.vmiName;
  if (!vmiName)
    return verdictOf([{ reason: 'FieldValueRequired', message: 'vmiName is missing', field: 'spec.vmiName' }]);
  if (migration.spec.priority !== undefined && !isControlPlane(request.userInfo)) {
    const message = 'Migration priority queue, only virt-controller is allowed to set priority field';
    return verdictOf([{ reason: 'FieldValueForbidden', message, field: 'spec.migrationPriority' }]);
  }
  const denied = (message: string): Verdict => ({ kind: 'denied', code: 400, message });
  if (!vmi) return denied(`the VMI "${request.namespace ?? ''}/${vmiName}" does not exist`);
  if (isFinal(vmi)) return denied('Cannot migrate VMI in finalized state.');
  const migratable = conditionOf(vmi.status?.conditions, 'LiveMigratable');
  if (migratable?.status === 'False') {
    return denied(`Cannot migrate VMI, Reason: ${migratable.reason ?? ''}, Message: ${migratable.message ?? ''}`);
  }
  const active = siblings.find((each) => each.spec.vmiName === vmiName && !isOver(each));
  if (active) {
    const job = `Active migration job (${active.metadata.uid}) is currently already in progress for VMI ${vmiName}.`;
    return denied(`in-flight migration detected. ${job}`);
  }
  return { kind: 'allowed' };
}

export function validateMigrationUpdate(request: AdmissionRequest): Verdict {
  const migration = request.object as Migration;
  const old = request.oldObject as Migration;
  if (!sameJson(migration.spec, old.spec)) {
    const message = "update of Migration object's spec is restricted";
    return verdictOf([{ reason: 'FieldValueNotSupported', message }]);
  }
  const relabelled = migration.metadata.labels?.[VMI_NAME_LABEL] !== old.metadata.labels?.[VMI_NAME_LABEL];
  if (relabelled && !isOver(migration)) {
    const message = "selector label can't be modified on an in-flight migration";
    return verdictOf([{ reason: 'FieldValueNotSupported', message }]);
  }
  return { kind: 'allowed' };
}
