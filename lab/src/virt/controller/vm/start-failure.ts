// Counts starts that died before the guest ran, and says when the next try may begin.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/vm/vm.go (calculateStartBackoffTime): 10 s * n^2 plus up to half of it, at most 300 s.
import {
  everRan,
  isFinal,
  strategyOf,
  type StartFailure,
  type VirtualMachine,
  type VirtualMachineInstance,
} from '../../model/instance.ts';
import { wholeSeconds } from '../../../model/meta.ts';

const STEP_SECONDS = 10;
const LONGEST_SECONDS = 300;

/** Seconds to wait after the n-th failure in a row; `jitter` in [0, 1). */
export function backoffSeconds(failures: number, jitter: number): number {
  const base = STEP_SECONDS * failures ** 2;
  if (base >= LONGEST_SECONDS) return LONGEST_SECONDS;
  return Math.min(LONGEST_SECONDS, base + Math.floor(base * 0.5 * jitter));
}

/** status.startFailure after looking at the instance; undefined when there is nothing to remember. */
export function startFailureOf(
  vm: VirtualMachine,
  vmi: VirtualMachineInstance | undefined,
  now: number,
  jitter: number,
): StartFailure | undefined {
  const old = vm.status?.startFailure;
  const strategy = strategyOf(vm);
  if (strategy === 'Manual' || strategy === 'Halted') return undefined;
  if (vmi && everRan(vmi)) return undefined;
  if (!vmi || !isFinal(vmi) || old?.lastFailedVMIUID === vmi.metadata.uid) return old;
  const count = (old?.consecutiveFailCount ?? 0) + 1;
  return {
    consecutiveFailCount: count,
    lastFailedVMIUID: vmi.metadata.uid,
    retryAfterTimestamp: wholeSeconds(now + backoffSeconds(count, jitter) * 1000),
  };
}

/** Milliseconds until the next start is allowed; 0 when it is. */
export function waitMs(failure: StartFailure | undefined, now: number): number {
  if (!failure?.retryAfterTimestamp) return 0;
  return Math.max(0, Date.parse(failure.retryAfterTimestamp) - now);
}
