// Which guests KubeVirt itself moves off a node that is being drained: marked ones whose strategy is to live-migrate.
// External means that somebody else acts. Pure. Facts: KubeVirt pkg/virt-controller/watch/drain/evacuation/evacuation.go.
import { conditionOf } from '../../../model/meta.ts';
import { isFinal, type VirtualMachineInstance } from '../../model/instance.ts';
import { EVACUATION_ANNOTATION, isOver, type Migration } from '../../model/migration.ts';

/** The migration to make for this instance, or undefined. */
export function evacuationOf(vmi: VirtualMachineInstance, migrations: readonly Migration[]) {
  const node = vmi.status?.nodeName;
  const strategy = vmi.spec.evictionStrategy;
  if (!node || vmi.status?.evacuationNodeName !== node) return undefined;
  if (strategy !== 'LiveMigrate' && strategy !== 'LiveMigrateIfPossible') return undefined;
  if (isFinal(vmi) || vmi.metadata.deletionTimestamp !== undefined) return undefined;
  if (conditionOf(vmi.status.conditions, 'LiveMigratable')?.status !== 'True') return undefined;
  const mine = migrations.filter(
    (each) => each.metadata.namespace === vmi.metadata.namespace && each.spec.vmiName === vmi.metadata.name,
  );
  if (mine.some((each) => !isOver(each))) return undefined;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstanceMigration',
    metadata: {
      generateName: 'kubevirt-evacuation-',
      ...(vmi.metadata.namespace === undefined ? {} : { namespace: vmi.metadata.namespace }),
      annotations: { [EVACUATION_ANNOTATION]: node },
    },
    spec: { vmiName: vmi.metadata.name, priority: 'system-critical' },
  };
}
