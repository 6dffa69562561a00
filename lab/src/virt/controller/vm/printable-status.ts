// The one word that `kubectl get vm` shows: the first that applies, in KubeVirt's order. For reading by people only.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/vm/vm.go (setPrintableStatus).
import { conditionOf } from '../../../model/meta.ts';
import { isFinal, strategyOf, type VirtualMachine, type VirtualMachineInstance } from '../../model/instance.ts';
import { isMigrating } from '../../model/migration.ts';

type Test = (vm: VirtualMachine, vmi: VirtualMachineInstance | undefined) => boolean;

const synchronizedReason = (vmi: VirtualMachineInstance | undefined): string | undefined =>
  conditionOf(vmi?.status?.conditions, 'Synchronized')?.reason;

const crashLooping: Test = (vm, vmi) =>
  (vm.status?.startFailure?.consecutiveFailCount ?? 0) > 0 &&
  strategyOf(vm) !== 'Manual' &&
  strategyOf(vm) !== 'Halted' &&
  (!vmi || isFinal(vmi));

const PRINTABLE: readonly (readonly [string, Test])[] = [
  ['Terminating', (vm) => vm.metadata.deletionTimestamp !== undefined],
  ['Stopping', (_, vmi) => vmi !== undefined && !isFinal(vmi) && vmi.metadata.deletionTimestamp !== undefined],
  ['Migrating', (_, vmi) => isMigrating(vmi?.status?.migrationState)],
  ['Paused', (_, vmi) => conditionOf(vmi?.status?.conditions, 'Paused')?.status === 'True'],
  ['Running', (_, vmi) => vmi?.status?.phase === 'Running'],
  ['ErrorUnschedulable', (_, vmi) => conditionOf(vmi?.status?.conditions, 'PodScheduled')?.reason === 'Unschedulable'],
  ['ErrImagePull', (_, vmi) => synchronizedReason(vmi) === 'ErrImagePull'],
  ['ImagePullBackOff', (_, vmi) => synchronizedReason(vmi) === 'ImagePullBackOff'],
  ['Starting', (_, vmi) => vmi !== undefined && !isFinal(vmi)],
  ['CrashLoopBackOff', crashLooping],
  ['Stopped', (_, vmi) => !vmi || isFinal(vmi)],
];

/** `vm.status.startFailure` must be the one of this pass. */
export function printableStatus(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): string {
  return PRINTABLE.find(([, test]) => test(vm, vmi))?.[0] ?? 'Unknown';
}
