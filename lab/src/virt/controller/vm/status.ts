// The status of a VirtualMachine, made from its instance: what exists, what it says, and the word for people.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/vm/vm.go (updateStatus) and recordings of it.
import { conditionOf, wholeSeconds, type Condition } from '../../../model/meta.ts';
import {
  VM_GENERATION,
  strategyOf,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VmStatus,
} from '../../model/instance.ts';
import { withCondition, withoutConditions, type NewCondition } from '../../model/conditions.ts';
import type { VmDecision, VmFailure } from './decide.ts';
import { printableStatus } from './printable-status.ts';

/** Conditions that the machine has for itself; all others are copies of the instance's. */
const OWN = ['Ready', 'Failure', 'RestartRequired'] as const;

/**
 * The whole new status.
 * @param vmi the instance after the actions of this pass.
 * @param failure what went wrong in this pass, if anything; else the decision's own.
 */
export function statusOf(
  vm: VirtualMachine,
  vmi: VirtualMachineInstance | undefined,
  decision: Pick<VmDecision, 'requests' | 'startFailure' | 'restartMessage' | 'failure'>,
  now: number,
  failure: VmFailure | undefined = decision.failure,
): VmStatus {
  const old = vm.status ?? {};
  const { created: _c, ready: _r, stateChangeRequests: _s, startFailure: _f, ...kept } = old;
  const strategy = strategyOf(vm);
  const status: VmStatus = {
    ...kept,
    ...(vmi ? { created: true } : {}),
    ...(conditionOf(vmi?.status?.conditions, 'Ready')?.status === 'True' ? { ready: true } : {}),
    ...(decision.requests.length > 0 ? { stateChangeRequests: decision.requests } : {}),
    ...(decision.startFailure ? { startFailure: decision.startFailure } : {}),
    ...(vmi || (old.runStrategy !== undefined && strategy !== 'RerunOnFailure') ? { runStrategy: strategy } : {}),
    ...generations(vm, vmi),
    conditions: conditionsOf(vm, vmi, decision.restartMessage, failure, wholeSeconds(now)),
  };
  return { ...status, printableStatus: printableStatus({ ...vm, status }, vmi) };
}

/** The generation the instance was made from; it also moves when only fields outside of the template changed. */
function generations(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): Partial<VmStatus> {
  const old = vm.status ?? {};
  if (!vmi && old.desiredGeneration === undefined) return {};
  const desired = vm.metadata.generation ?? 1;
  const made = Number(vmi?.metadata.annotations?.[VM_GENERATION] ?? 0);
  const strategyChanged = old.runStrategy !== undefined && old.runStrategy !== strategyOf(vm);
  const upToDate = strategyChanged && old.observedGeneration === old.desiredGeneration;
  const observed = upToDate ? desired : Math.max(made, old.observedGeneration ?? 0);
  return { desiredGeneration: desired, observedGeneration: observed };
}

function conditionsOf(
  vm: VirtualMachine,
  vmi: VirtualMachineInstance | undefined,
  restartMessage: string | undefined,
  failure: VmFailure | undefined,
  now: string,
): readonly Condition[] {
  const isOwn = (condition: Condition): boolean => (OWN as readonly string[]).includes(condition.type);
  let list = (vm.status?.conditions ?? []).filter(isOwn) as readonly Condition[];
  const ready = conditionOf(vmi?.status?.conditions, 'Ready');
  if (ready) list = [...withoutConditions(list, 'Ready'), ready];
  else list = withCondition(list, notReady(vmi), now);
  list = failure
    ? withCondition(list, { type: 'Failure', status: 'True', ...failure }, now)
    : withoutConditions(list, 'Failure');
  list =
    restartMessage === undefined
      ? withoutConditions(list, 'RestartRequired')
      : withCondition(list, { type: 'RestartRequired', status: 'True', message: restartMessage }, now);
  const copies = vmi
    ? (vmi.status?.conditions ?? []).filter((condition) => !isOwn(condition))
    : (vm.status?.conditions ?? []).filter((condition) => !isOwn(condition));
  return [...list, ...copies];
}

function notReady(vmi: VirtualMachineInstance | undefined): NewCondition {
  return vmi
    ? { type: 'Ready', status: 'False', reason: 'VMIConditionMissing', message: 'VMI is missing the Ready condition' }
    : { type: 'Ready', status: 'False', reason: 'VMINotExists', message: 'VMI does not exist' };
}
