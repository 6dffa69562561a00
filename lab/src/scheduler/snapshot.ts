// The cluster at one moment, as one placement decision sees it: nodes with the pods that hold resources there.
// Pods that were bound a moment ago but whose binding the watch has not shown yet count as taken (assumed).
import type { Node } from '../model/node.ts';
import { isFinished, type Pod } from '../model/pod.ts';
import { addInto, amountsOf, podRequests, type Amounts } from './requests.ts';

export interface NodeUsage {
  readonly node: Node;
  readonly pods: readonly Pod[];
  readonly allocatable: Amounts;
  readonly requested: Amounts;
}

export interface ClusterSnapshot {
  readonly nodes: readonly NodeUsage[];
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** A binding that was sent: the pod as it was read and the node it goes to. */
export interface Assumption {
  readonly pod: Pod;
  readonly nodeName: string;
}

/** Builds the snapshot; nodes come out in the order of their names, so that ties are broken the same way every time. */
export function takeSnapshot(world: {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly assumed: readonly Assumption[];
  readonly namespaceLabels?: ReadonlyMap<string, Readonly<Record<string, string>>>;
}): ClusterSnapshot {
  const podsOf = new Map<string, Map<string, Pod>>();
  const place = (nodeName: string, pod: Pod): void => {
    const there = podsOf.get(nodeName) ?? new Map<string, Pod>();
    podsOf.set(nodeName, there.set(pod.metadata.uid, pod));
  };
  for (const { pod, nodeName } of world.assumed) place(nodeName, pod);
  for (const pod of world.pods) if (pod.spec.nodeName && !isFinished(pod)) place(pod.spec.nodeName, pod);

  const nodes = [...world.nodes]
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((node): NodeUsage => {
      const pods = [...(podsOf.get(node.metadata.name)?.values() ?? [])];
      const requested = new Map<string, number>();
      for (const pod of pods) addInto(requested, podRequests(pod));
      return { node, pods, requested, allocatable: amountsOf(node.status?.allocatable ?? node.status?.capacity) };
    });
  return { nodes, namespaceLabels: world.namespaceLabels ?? new Map() };
}
