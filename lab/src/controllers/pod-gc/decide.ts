// Which pod objects nobody will ever finish or read again. Pure.
// The four rules of kube-controller-manager's pod garbage collector (pkg/controller/podgc), in its order.
import { conditionOf } from '../../model/meta.ts';
import { TAINT, type Node } from '../../model/node.ts';
import { isFinished, type Pod } from '../../model/pod.ts';

export type Collected = {
  readonly pod: Pod;
  readonly reason: 'OverThreshold' | 'OutOfService' | 'NodeGone' | 'NeverScheduled';
};

export interface PodGcView {
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Since when a node that pods name does not exist, monotonic ms, by node name. */
  readonly missingSinceMs: ReadonlyMap<string, number>;
  readonly monotonicMs: number;
  /** How long a node must be missing before its pods go. */
  readonly quarantineMs: number;
  /** How many finished pods may stay; zero or less keeps all. */
  readonly finishedLimit: number;
}

/** Names of nodes that pods are bound to but that do not exist. */
export function missingNodes(pods: readonly Pod[], nodes: readonly Node[]): ReadonlySet<string> {
  const existing = new Set(nodes.map(({ metadata }) => metadata.name));
  return new Set(pods.map(({ spec }) => spec.nodeName ?? '').filter((name) => name !== '' && !existing.has(name)));
}

function isOutOfService(node: Node | undefined): boolean {
  if (!node || conditionOf(node.status?.conditions, 'Ready')?.status === 'True') return false;
  return (node.spec?.taints ?? []).some(({ key }) => key === TAINT.outOfService);
}

/** Every pod to be removed, at most once. */
export function podsToCollect(view: PodGcView): readonly Collected[] {
  const { pods, nodes, finishedLimit, missingSinceMs, monotonicMs, quarantineMs } = view;
  const nodeOf = new Map(nodes.map((node) => [node.metadata.name, node]));
  const found = new Map<string, Collected>();
  const collect = (pod: Pod, reason: Collected['reason']): void => {
    if (!found.has(pod.metadata.uid)) found.set(pod.metadata.uid, { pod, reason });
  };

  const age = (pod: Pod): string => `${pod.metadata.creationTimestamp ?? ''} ${pod.metadata.name}`;
  const finished = pods.filter(isFinished).sort((a, b) => (age(a) < age(b) ? -1 : 1));
  if (finishedLimit > 0)
    for (const pod of finished.slice(0, Math.max(0, finished.length - finishedLimit))) collect(pod, 'OverThreshold');

  for (const pod of pods) {
    const terminating = pod.metadata.deletionTimestamp !== undefined;
    const { nodeName } = pod.spec;
    if (!nodeName) {
      if (terminating) collect(pod, 'NeverScheduled');
      continue;
    }
    if (terminating && isOutOfService(nodeOf.get(nodeName))) collect(pod, 'OutOfService');
    const missing = missingSinceMs.get(nodeName);
    if (!nodeOf.has(nodeName) && missing !== undefined && monotonicMs - missing >= quarantineMs)
      collect(pod, 'NodeGone');
  }
  return [...found.values()];
}
