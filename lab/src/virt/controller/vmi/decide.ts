// What a VirtualMachineInstance needs now: a pod made or deleted, its finalizer dropped, and the marks on its current pod.
// Its next status is in status.ts. Pure. Facts: KubeVirt pkg/virt-controller/watch/vmi/lifecycle.go and recordings of it.
import { conditionOf } from '../../../model/meta.ts';
import { NODE_NAME_LABEL, VMI_FINALIZER, isFinal, type VirtualMachineInstance } from '../../model/instance.ts';
import {
  EVICTION_IN_PROGRESS,
  UNPAUSED_GATE,
  currentPod,
  isGoingDown,
  type LauncherPod,
} from '../../model/launcher-pod.ts';
import { launcherPod, type NewPod } from './launcher-pod.ts';

export interface VmiObserved {
  readonly vmi: VirtualMachineInstance;
  /** Every existing pod that the instance owns. */
  readonly pods: readonly LauncherPod[];
  /** A migration for an instance of this name is under way: KubeVirt makes no pod meanwhile. */
  readonly migrationUnderWay: boolean;
}

export type VmiAction =
  | { readonly kind: 'createPod'; readonly pod: NewPod }
  | { readonly kind: 'deletePod'; readonly pod: LauncherPod }
  | { readonly kind: 'removeFinalizer' }
  | { readonly kind: 'markPod'; readonly pod: LauncherPod; readonly metadata: PodMarks }
  | { readonly kind: 'setGate'; readonly pod: LauncherPod; readonly paused: boolean };

/** A merge patch of a pod's labels and annotations; null removes. */
export interface PodMarks {
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly annotations?: Readonly<Record<string, string | null>>;
}

/** Everything that one pass does beside the status. */
export function decideVmi(observed: VmiObserved): readonly VmiAction[] {
  const { vmi, pods } = observed;
  if (vmi.metadata.deletionTimestamp !== undefined) return [...deletePods(pods), ...finish(vmi, pods)];
  if (isFinal(vmi)) return [];
  const pod = currentPod(vmi, pods);
  if (pod) return marksOf(vmi, pod);
  const unborn = !vmi.status?.phase || vmi.status.phase === 'Pending';
  return unborn && !observed.migrationUnderWay ? [{ kind: 'createPod', pod: launcherPod(vmi) }] : [];
}

function deletePods(pods: readonly LauncherPod[]): VmiAction[] {
  return pods.filter((pod) => !pod.metadata.deletionTimestamp).map((pod) => ({ kind: 'deletePod', pod }));
}

function finish(vmi: VirtualMachineInstance, pods: readonly LauncherPod[]): VmiAction[] {
  const held = vmi.metadata.finalizers?.includes(VMI_FINALIZER) ?? false;
  return held && pods.length === 0 && isFinal(vmi) ? [{ kind: 'removeFinalizer' }] : [];
}

function marksOf(vmi: VirtualMachineInstance, pod: LauncherPod): VmiAction[] {
  if (isGoingDown(pod)) return [];
  const actions: VmiAction[] = [];
  const paused = conditionOf(vmi.status?.conditions, 'Paused')?.status === 'True';
  if (conditionOf(pod.status?.conditions, UNPAUSED_GATE)?.status !== (paused ? 'False' : 'True')) {
    actions.push({ kind: 'setGate', pod, paused });
  }
  const node = vmi.status?.nodeName;
  const wrongNode = node !== undefined && node !== '' && pod.metadata.labels?.[NODE_NAME_LABEL] !== node;
  const marked = pod.metadata.annotations?.[EVICTION_IN_PROGRESS] !== undefined;
  const evacuating = Boolean(vmi.status?.evacuationNodeName);
  if (wrongNode || marked !== evacuating) {
    const metadata: PodMarks = {
      ...(wrongNode ? { labels: { [NODE_NAME_LABEL]: node } } : {}),
      ...(marked === evacuating ? {} : { annotations: { [EVICTION_IN_PROGRESS]: evacuating ? 'true' : null } }),
    };
    actions.push({ kind: 'markPod', pod, metadata });
  }
  return actions;
}
