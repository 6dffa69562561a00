// Evacuations: makes the migration that decide.ts asks for. The webhook refuses a second one, so a watch that lags does no harm.
import { virtualMachineInstanceMigrations } from '@idlewild/operator/api/resources.ts';
import { toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { Migration } from '../../model/migration.ts';
import type { ControllerDeps } from '../deps.ts';
import { evacuationOf } from './decide.ts';

export function evacuationReconciler(deps: ControllerDeps) {
  return async (key: string): Promise<undefined> => {
    const vmi = deps.watches.vmis.store.get(key);
    const wanted = vmi && evacuationOf(vmi, deps.watches.migrations.store.list());
    if (!vmi || !wanted) return undefined;
    try {
      const made = await deps.client.create<Migration>(virtualMachineInstanceMigrations, wanted);
      const { name, namespace, uid } = vmi.metadata;
      deps.events.event(
        {
          apiVersion: 'kubevirt.io/v1',
          kind: 'VirtualMachineInstance',
          name,
          uid,
          ...(namespace ? { namespace } : {}),
        },
        {
          type: 'Normal',
          reason: 'SuccessfulCreate',
          action: 'SuccessfulCreate',
          message: `Created Migration ${made.metadata.name}`,
        },
      );
    } catch (thrown) {
      const error = toKubeError(thrown);
      if (error.kind !== 'badRequest') throw error;
      deps.log.debug({ key, reason: error.message }, 'evacuation is refused for now');
    }
    return undefined;
  };
}
