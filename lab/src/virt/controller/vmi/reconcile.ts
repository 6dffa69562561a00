// VirtualMachineInstances: reads one with its pods from the watches, carries out what decide.ts says, writes the difference
// between the instance and its next state in one patch. A pod that cannot be made becomes the Synchronized condition.
import { pods as podType, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { isNotFound, toKubeError, type KubeError } from '@idlewild/operator/kube/errors.ts';
import { keyOf, refOf } from '@idlewild/operator/kube/object.ts';
import { wholeSeconds } from '../../../model/meta.ts';
import { patchStatus } from '../../../conditions-patch.ts';
import { VMI_FINALIZER, type VirtualMachineInstance } from '../../model/instance.ts';
import { UNPAUSED_GATE, type LauncherPod } from '../../model/launcher-pod.ts';
import type { ControllerDeps } from '../deps.ts';
import { deleteExactly, withoutFinalizer, writeDifference } from '../write.ts';
import { decideVmi, type VmiAction } from './decide.ts';
import { nextInstance, type SyncError } from './status.ts';

/** Every pod of an instance: what the watch shows, and what was made and not shown yet. */
export function podsOf(deps: Pick<ControllerDeps, 'watches' | 'madePods'>, vmiUid: string): LauncherPod[] {
  return [...deps.watches.pods.store.byIndex('ownerUid', vmiUid), ...deps.madePods.of(vmiUid)];
}

interface Pass {
  pods: LauncherPod[];
  syncError?: SyncError;
  error?: KubeError;
  finalizerDropped: boolean;
}

export function vmiReconciler(deps: ControllerDeps) {
  return async (key: string): Promise<undefined> => {
    const vmi = deps.watches.vmis.store.get(key);
    if (!vmi) return undefined;
    const pass: Pass = { pods: podsOf(deps, vmi.metadata.uid), finalizerDropped: false };
    const migrationUnderWay = deps.watches.migrations.store
      .byIndex('namespace', vmi.metadata.namespace ?? '')
      .some((migration) => migration.spec.vmiName === vmi.metadata.name && migration.status?.phase === 'Running');
    for (const action of decideVmi({ vmi, pods: pass.pods, migrationUnderWay })) await apply(deps, pass, vmi, action);
    if (pass.finalizerDropped) return undefined;
    const next = nextInstance(vmi, pass.pods, deps.clock.now(), pass.syncError);
    await writeDifference(deps.client, virtualMachineInstances, vmi, next);
    if (pass.error) throw pass.error;
    return undefined;
  };
}

async function apply(deps: ControllerDeps, pass: Pass, vmi: VirtualMachineInstance, action: VmiAction): Promise<void> {
  const { client } = deps;
  switch (action.kind) {
    case 'createPod':
      try {
        const pod = await client.create<LauncherPod>(podType, action.pod);
        deps.madePods.add(vmi.metadata.uid, pod);
        pass.pods = [...pass.pods, pod];
        note(deps, vmi, 'Normal', 'SuccessfulCreate', `Created virtual machine pod ${pod.metadata.name}`);
      } catch (thrown) {
        const error = toKubeError(thrown);
        pass.error = error;
        const message = `failed to create virtual machine pod: ${error.body?.message ?? error.message}`;
        pass.syncError = { reason: 'FailedCreate', message };
        note(deps, vmi, 'Warning', 'FailedCreate', `Error creating pod: ${error.body?.message ?? error.message}`);
      }
      return;
    case 'deletePod':
      if (await deleteExactly(client, podType, action.pod)) {
        note(deps, vmi, 'Normal', 'SuccessfulDelete', `Deleted virtual machine pod ${action.pod.metadata.name}`);
      }
      return;
    case 'removeFinalizer':
      await writeDifference(client, virtualMachineInstances, vmi, withoutFinalizer(vmi, VMI_FINALIZER));
      pass.finalizerDropped = true;
      return;
    case 'markPod':
      await ifStillThere(client.mergePatch(podType, refOf(keyOf(action.pod)), { metadata: action.metadata }));
      return;
    case 'setGate':
      await ifStillThere(
        patchStatus(client, podType, action.pod.metadata, { conditions: [gate(action.paused, deps.clock.now())] }),
      );
      return;
  }
}

function gate(paused: boolean, now: number) {
  const at = wholeSeconds(now);
  return {
    type: UNPAUSED_GATE,
    status: paused ? ('False' as const) : ('True' as const),
    reason: paused ? 'Paused' : 'NotPaused',
    message: paused ? 'the virtual machine is paused' : 'the virtual machine is not paused',
    lastProbeTime: at,
    lastTransitionTime: at,
  };
}

async function ifStillThere(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function note(
  deps: ControllerDeps,
  vmi: VirtualMachineInstance,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): void {
  const { name, namespace, uid } = vmi.metadata;
  const kind = 'VirtualMachineInstance';
  const regarding = { apiVersion: 'kubevirt.io/v1', kind, name, uid, ...(namespace ? { namespace } : {}) };
  deps.events.event(regarding, { type, reason, action: reason, message });
}
