// What a VirtualMachine needs now: an instance made, deleted, changed or let go; and what is left of the requests to start and stop.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/vm/vm.go (syncRunStrategy, syncConditions) and recordings of it.
import {
  VM_FINALIZER,
  isFinal,
  strategyOf,
  type NewVmi,
  type StartFailure,
  type StateChangeRequest,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VmiSpec,
} from '../../model/instance.ts';
import { isMigrating } from '../../model/migration.ts';
import { driftOf, instanceOf } from './instance.ts';
import { startFailureOf, waitMs } from './start-failure.ts';

export interface VmObserved {
  readonly vm: VirtualMachine;
  /** The instance of the same name, when this machine controls it. */
  readonly vmi: VirtualMachineInstance | undefined;
  /** An instance of that name that belongs to nobody: it is adopted. */
  readonly orphan?: VirtualMachineInstance | undefined;
  /** ms since the epoch. */
  readonly now: number;
  /** In [0, 1): spreads the retries of failing starts. */
  readonly jitter: number;
  readonly rollout: 'LiveUpdate' | 'Stage';
}

export type VmAction =
  | { readonly kind: 'addFinalizer' }
  | { readonly kind: 'removeFinalizer' }
  | { readonly kind: 'adopt'; readonly vmi: VirtualMachineInstance }
  | { readonly kind: 'createVmi'; readonly vmi: NewVmi }
  | { readonly kind: 'deleteVmi'; readonly vmi: VirtualMachineInstance }
  | { readonly kind: 'releaseVmi'; readonly vmi: VirtualMachineInstance }
  | { readonly kind: 'updateVmi'; readonly vmi: VirtualMachineInstance; readonly spec: VmiSpec }
  | { readonly kind: 'setRunStrategy'; readonly runStrategy: 'Always' };

export interface VmFailure {
  readonly reason: string;
  readonly message: string;
}

export interface VmDecision {
  readonly actions: readonly VmAction[];
  readonly requests: readonly StateChangeRequest[];
  readonly startFailure: StartFailure | undefined;
  readonly restartMessage: string | undefined;
  readonly failure: VmFailure | undefined;
  readonly requeueAfterMs: number | undefined;
}

const MIGRATING_MESSAGE = {
  affinity:
    'Error encountered while handling node affinity change request: Node affinity should not be changed during VMI migration',
  tolerations:
    'Error encountered while handling tolerations change request: Tolerations should not be changed during VMI migration',
} as const;

/** Everything that one pass over a virtual machine does. */
export function decideVm(observed: VmObserved): VmDecision {
  const { vm, vmi } = observed;
  const startFailure = startFailureOf(vm, vmi, observed.now, observed.jitter);
  const requests = outstanding(vm, vmi);
  const quiet = { requests, startFailure, restartMessage: undefined, failure: undefined, requeueAfterMs: undefined };
  if (vm.metadata.deletionTimestamp !== undefined) return { ...quiet, actions: deletion(vm, vmi) };
  if (observed.orphan) return { ...quiet, actions: [{ kind: 'adopt', vmi: observed.orphan }] };
  const run = runActions(observed, requests, waitMs(startFailure, observed.now));
  const live = liveUpdate(observed, run.actions);
  return {
    ...quiet,
    ...live,
    actions: [...ensureFinalizer(vm), ...run.actions, ...live.actions, ...release(vmi)],
    requests: run.requests,
    requeueAfterMs: run.requeueAfterMs ?? live.requeueAfterMs,
  };
}

function ensureFinalizer(vm: VirtualMachine): VmAction[] {
  return vm.metadata.finalizers?.includes(VM_FINALIZER) ? [] : [{ kind: 'addFinalizer' }];
}

/** A final instance is let go by the machine's finalizer; the instance's own finalizer waits for the pods. */
function release(vmi: VirtualMachineInstance | undefined): VmAction[] {
  return vmi && isFinal(vmi) && vmi.metadata.finalizers?.includes(VM_FINALIZER) ? [{ kind: 'releaseVmi', vmi }] : [];
}

function remove(vmi: VirtualMachineInstance): VmAction[] {
  return vmi.metadata.deletionTimestamp === undefined ? [{ kind: 'deleteVmi', vmi }] : [];
}

function deletion(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): VmAction[] {
  const finalizers = vm.metadata.finalizers ?? [];
  if (vmi && !finalizers.includes('orphan')) return [...remove(vmi), ...release(vmi)];
  return finalizers.includes(VM_FINALIZER) ? [{ kind: 'removeFinalizer' }] : [];
}

/** Requests that are fulfilled fall away: a Stop when its instance is gone, a Start when an instance lives. */
function outstanding(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): readonly StateChangeRequest[] {
  const [first, ...rest] = vm.status?.stateChangeRequests ?? [];
  if (!first) return [];
  if (first.action === 'Stop' && first.uid !== vmi?.metadata.uid) return startsOnly(rest, vmi);
  return startsOnly([first, ...rest], vmi);
}

function startsOnly(
  requests: readonly StateChangeRequest[],
  vmi: VirtualMachineInstance | undefined,
): readonly StateChangeRequest[] {
  const [first, ...rest] = requests;
  return first?.action === 'Start' && vmi && !isFinal(vmi) && !vmi.metadata.deletionTimestamp ? rest : requests;
}

interface Run {
  readonly actions: readonly VmAction[];
  readonly requests: readonly StateChangeRequest[];
  readonly requeueAfterMs?: number;
}

function runActions(observed: VmObserved, requests: readonly StateChangeRequest[], backoffMs: number): Run {
  const { vm, vmi } = observed;
  const strategy = strategyOf(vm);
  const stopAsked = requests[0]?.action === 'Stop' && requests[0].uid === vmi?.metadata.uid;
  const startAsked = requests[0]?.action === 'Start';
  const keep: Run = { actions: [], requests };
  const create = (waitForMs: number): Run =>
    waitForMs > 0
      ? { ...keep, requeueAfterMs: waitForMs }
      : { actions: [{ kind: 'createVmi', vmi: instanceOf(vm) }], requests: startAsked ? requests.slice(1) : requests };
  if (strategy === 'Halted') {
    if (startAsked)
      return { actions: [{ kind: 'setRunStrategy', runStrategy: 'Always' }], requests: requests.slice(1) };
    return vmi ? { ...keep, actions: remove(vmi) } : keep;
  }
  if (vmi && stopAsked) return { ...keep, actions: remove(vmi) };
  switch (strategy) {
    case 'Always':
      if (!vmi) return create(backoffMs);
      return isFinal(vmi) ? { ...keep, actions: remove(vmi) } : keep;
    case 'Once':
      return vmi ? keep : create(backoffMs);
    case 'Manual':
      return !vmi && startAsked ? create(0) : keep;
    case 'RerunOnFailure':
      if (!vmi) return startAsked || vm.status?.runStrategy !== 'RerunOnFailure' ? create(backoffMs) : keep;
      if (!isFinal(vmi) || vmi.metadata.deletionTimestamp !== undefined) return keep;
      return vmi.status?.phase === 'Failed'
        ? { actions: remove(vmi), requests: [...requests, { action: 'Start' }] }
        : { ...keep, actions: remove(vmi) };
    case 'WaitAsReceiver':
      return keep;
  }
}

type LiveUpdate = Pick<VmDecision, 'actions' | 'restartMessage' | 'failure' | 'requeueAfterMs'>;

function liveUpdate({ vm, vmi, rollout }: VmObserved, planned: readonly VmAction[]): LiveUpdate {
  const nothing: LiveUpdate = { actions: [], restartMessage: undefined, failure: undefined, requeueAfterMs: undefined };
  if (!vmi || isFinal(vmi) || vmi.metadata.deletionTimestamp || planned.length > 0) return nothing;
  const { drift, restartMessage } = driftOf(vm, vmi, rollout);
  const result: LiveUpdate = { ...nothing, restartMessage };
  if (drift.kind !== 'live') return result;
  if (!isMigrating(vmi.status?.migrationState))
    return { ...result, actions: [{ kind: 'updateVmi', vmi, spec: drift.spec }] };
  const tolerationsOnly = drift.fields.every((field) => field === 'tolerations');
  const failure = tolerationsOnly
    ? { reason: 'TolerationsChangeError', message: MIGRATING_MESSAGE.tolerations }
    : { reason: 'AffinityChangeError', message: MIGRATING_MESSAGE.affinity };
  return { ...result, failure };
}
