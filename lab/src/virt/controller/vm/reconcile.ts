// VirtualMachines: reads one and its instance from the watches, carries out what decide.ts says, writes the status once.
// A failed create is no error of the pass: it becomes the Failure condition, and the pass is repeated with backoff.
import { virtualMachineInstances, virtualMachines } from '@idlewild/operator/api/resources.ts';
import { isAlreadyExists, isNotFound, toKubeError, type KubeError } from '@idlewild/operator/kube/errors.ts';
import { VM_FINALIZER, type VirtualMachine, type VirtualMachineInstance } from '../../model/instance.ts';
import type { ControllerDeps } from '../deps.ts';
import { deleteExactly, withoutFinalizer, writeDifference } from '../write.ts';
import { decideVm, type VmAction, type VmFailure } from './decide.ts';
import { ownerReference } from './instance.ts';
import { statusOf } from './status.ts';

/** The state of a pass: what is known of the two objects as its writes are answered. */
interface Pass {
  vm: VirtualMachine | undefined;
  vmi: VirtualMachineInstance | undefined;
  failure: VmFailure | undefined;
  error: KubeError | undefined;
}

export function vmReconciler(deps: ControllerDeps) {
  return async (key: string): Promise<{ requeueAfterMs?: number } | undefined> => {
    const vm = deps.watches.vms.store.get(key);
    if (!vm) return undefined;
    const found = deps.watches.vmis.store.get(key);
    const controller = found?.metadata.ownerReferences?.find((owner) => owner.controller === true);
    const vmi = controller?.uid === vm.metadata.uid ? found : undefined;
    const orphan = found && !controller && !found.metadata.deletionTimestamp ? found : undefined;
    const { clock, random, config } = deps;
    const now = clock.now();
    const decision = decideVm({ vm, vmi, orphan, now, jitter: random(), rollout: config.rollout });
    const pass: Pass = { vm, vmi, failure: undefined, error: undefined };
    for (const action of decision.actions) await apply(deps, pass, action);
    if (pass.vm) {
      const status = statusOf(pass.vm, pass.vmi, decision, now, pass.failure ?? decision.failure);
      await writeDifference(deps.client, virtualMachines, pass.vm, { ...pass.vm, status }, 'status');
    }
    if (pass.error) throw pass.error;
    return decision.requeueAfterMs === undefined ? undefined : { requeueAfterMs: decision.requeueAfterMs };
  };
}

async function apply(deps: ControllerDeps, pass: Pass, action: VmAction): Promise<void> {
  const { client } = deps;
  const { vm } = pass;
  if (!vm) return;
  switch (action.kind) {
    case 'addFinalizer': {
      const finalizers = [...(vm.metadata.finalizers ?? []), VM_FINALIZER];
      pass.vm = await writeDifference(client, virtualMachines, vm, { ...vm, metadata: { ...vm.metadata, finalizers } });
      return;
    }
    case 'removeFinalizer':
      await writeDifference(client, virtualMachines, vm, withoutFinalizer(vm, VM_FINALIZER));
      pass.vm = undefined;
      return;
    case 'setRunStrategy':
      pass.vm = await writeDifference(client, virtualMachines, vm, {
        ...vm,
        spec: { ...vm.spec, runStrategy: action.runStrategy },
      });
      return;
    case 'adopt': {
      const metadata = { ...action.vmi.metadata, ownerReferences: [ownerReference(vm)] };
      pass.vmi = await writeDifference(client, virtualMachineInstances, action.vmi, { ...action.vmi, metadata });
      return;
    }
    case 'createVmi':
      await create(deps, pass, vm, action.vmi);
      return;
    case 'deleteVmi':
      if (await deleteExactly(client, virtualMachineInstances, action.vmi)) {
        note(deps, vm, 'Normal', 'SuccessfulDelete', deletedMessage(action.vmi));
      }
      return;
    case 'releaseVmi':
      await release(deps, pass, action.vmi);
      return;
    case 'updateVmi': {
      const next = { ...action.vmi, spec: action.spec };
      pass.vmi = await writeDifference(client, virtualMachineInstances, action.vmi, next);
      return;
    }
  }
}

async function create(deps: ControllerDeps, pass: Pass, vm: VirtualMachine, vmi: object): Promise<void> {
  try {
    const created = await deps.client.create<VirtualMachineInstance>(
      virtualMachineInstances,
      vmi as { metadata: object },
    );
    pass.vmi = created;
    note(
      deps,
      vm,
      'Normal',
      'SuccessfulCreate',
      `Started the virtual machine by creating the new virtual machine instance ${created.metadata.name}`,
    );
  } catch (thrown) {
    // The watch lags behind an instance made by the pass before: it will show it and start the next pass.
    if (isAlreadyExists(thrown)) return;
    const error = toKubeError(thrown);
    pass.error = error;
    const message = error.body?.message ?? error.message;
    pass.failure = { reason: 'FailedCreate', message: `Failure while starting VMI: ${message}` };
    note(deps, vm, 'Warning', 'FailedCreate', `Error creating virtual machine instance: ${message}`);
  }
}

async function release(deps: ControllerDeps, pass: Pass, vmi: VirtualMachineInstance): Promise<void> {
  try {
    await writeDifference(deps.client, virtualMachineInstances, vmi, withoutFinalizer(vmi, VM_FINALIZER));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    pass.vmi = undefined;
  }
}

function deletedMessage(vmi: VirtualMachineInstance): string {
  return `Stopped the virtual machine by deleting the virtual machine instance ${vmi.metadata.uid}`;
}

function note(
  deps: ControllerDeps,
  vm: VirtualMachine,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): void {
  const { name, namespace, uid } = vm.metadata;
  const regarding = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    name,
    uid,
    ...(namespace ? { namespace } : {}),
  };
  deps.events.event(regarding, { type, reason, action: reason, message });
}
