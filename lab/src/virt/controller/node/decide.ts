// Nodes whose handler has fallen silent: not schedulable any more, and their guests without a living pod have failed.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/node/node.go (5 min of silence, looked at again each minute).
import type { Node } from '../../../model/node.ts';
import { isFinal, type VirtualMachineInstance } from '../../model/instance.ts';
import { isDown, type LauncherPod } from '../../model/launcher-pod.ts';

export const HEARTBEAT_ANNOTATION = 'kubevirt.io/heartbeat';
export const SCHEDULABLE_LABEL = 'kubevirt.io/schedulable';
const SILENCE_MS = 5 * 60_000;
const RECHECK_MS = 60_000;

export interface NodeDecision {
  readonly setUnschedulable: boolean;
  /** Instances to be Failed with reason NodeUnresponsive. */
  readonly failed: readonly VirtualMachineInstance[];
  readonly requeueAfterMs?: number;
}

/**
 * @param node undefined when the Node object is gone.
 * @param vmis the instances on that node.
 * @param podsOf every pod of an instance; a pod that is only being deleted still counts as alive.
 * @param now ms since the epoch.
 */
export function decideNode(
  node: Node | undefined,
  nodeName: string,
  vmis: readonly VirtualMachineInstance[],
  podsOf: (vmi: VirtualMachineInstance) => readonly LauncherPod[],
  now: number,
): NodeDecision {
  const heartbeat = node?.metadata.annotations?.[HEARTBEAT_ANNOTATION];
  if (node && heartbeat === undefined) return { setUnschedulable: false, failed: [] };
  const silentMs = heartbeat === undefined ? Infinity : now - Date.parse(heartbeat);
  if (silentMs < SILENCE_MS) return { setUnschedulable: false, failed: [], requeueAfterMs: SILENCE_MS - silentMs };
  const failed = vmis.filter(
    (vmi) => !isFinal(vmi) && !podsOf(vmi).some((pod) => pod.spec.nodeName === nodeName && !isDown(pod)),
  );
  return {
    setUnschedulable: node?.metadata.labels?.[SCHEDULABLE_LABEL] === 'true',
    failed,
    ...(node || vmis.length > 0 ? { requeueAfterMs: RECHECK_MS } : {}),
  };
}
