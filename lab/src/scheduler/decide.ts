// Where a pod goes: filters every node in kube-scheduler's order of plugins, scores the rest, and says why when none fits.
// Pure: a snapshot in, one placement out. Preemption, volumes, host ports and topology spread are not part of it.
import type { Pod } from '../model/pod.ts';
import { TAINT, type Taint } from '../model/node.ts';
import { tolerates, untolerated } from '../model/tolerations.ts';
import { unschedulableMessage, type NodeRefusal } from './explain.ts';
import { podRequests, type Amounts } from './requests.ts';
import { matchesNodeAffinity, preferredNodeWeight } from './node-affinity.ts';
import type { ClusterSnapshot, NodeUsage } from './snapshot.ts';
import { affinityVerdict, preferredPodWeight } from './pod-affinity.ts';

export type Placement =
  { readonly kind: 'bind'; readonly nodeName: string } | { readonly kind: 'unschedulable'; readonly message: string };

export const DEFAULT_SCHEDULER = 'default-scheduler';

/** Resources that every container may use without a request being counted against the node's number of pods. */
const POD_COUNT = 'pods';

const UNSCHEDULABLE: Taint = { key: TAINT.unschedulable, effect: 'NoSchedule' };

/** True for a pod that waits for this scheduler: not bound, not deleted, not finished, no gate left. */
export function awaitsPlacement(pod: Pod): boolean {
  return (
    !pod.spec.nodeName &&
    pod.metadata.deletionTimestamp === undefined &&
    (pod.spec.schedulerName ?? DEFAULT_SCHEDULER) === DEFAULT_SCHEDULER &&
    (pod.spec.schedulingGates ?? []).length === 0 &&
    (pod.status?.phase ?? 'Pending') === 'Pending'
  );
}

function resourceRefusals(wanted: Amounts, candidate: NodeUsage): readonly NodeRefusal[] {
  const refusals: NodeRefusal[] = [];
  const room = (candidate.allocatable.get(POD_COUNT) ?? 0) / 1000;
  if (candidate.pods.length + 1 > room) refusals.push({ reason: 'Too many pods', preemptable: true });
  for (const [name, amount] of wanted) {
    const allocatable = candidate.allocatable.get(name) ?? 0;
    if (amount === 0 || amount <= allocatable - (candidate.requested.get(name) ?? 0)) continue;
    refusals.push({ reason: `Insufficient ${name}`, preemptable: amount <= allocatable });
  }
  return refusals;
}

/** Why the pod cannot go to this node, empty if it can: the first plugin that refuses speaks, as in kube-scheduler. */
function refusalsOf(
  pod: Pod,
  wanted: Amounts,
  candidate: NodeUsage,
  snapshot: ClusterSnapshot,
): readonly NodeRefusal[] {
  const { node } = candidate;
  const tolerations = pod.spec.tolerations ?? [];
  if (node.spec?.unschedulable && !tolerations.some((toleration) => tolerates(toleration, UNSCHEDULABLE)))
    return [{ reason: 'node(s) were unschedulable', preemptable: false }];
  const hard = (node.spec?.taints ?? []).filter((taint) => taint.effect !== 'PreferNoSchedule');
  if (untolerated(hard, tolerations).length > 0)
    return [{ reason: 'node(s) had untolerated taint(s)', preemptable: false }];
  if (!matchesNodeAffinity(pod.spec, node))
    return [{ reason: "node(s) didn't match Pod's node affinity/selector", preemptable: false }];
  const short = resourceRefusals(wanted, candidate);
  if (short.length > 0) return short;
  switch (affinityVerdict(pod, candidate, snapshot)) {
    case 'fits':
      return [];
    case 'affinity':
      return [{ reason: "node(s) didn't match pod affinity rules", preemptable: false }];
    case 'anti-affinity':
      return [{ reason: "node(s) didn't match pod anti-affinity rules", preemptable: true }];
    case 'existing anti-affinity':
      return [{ reason: "node(s) didn't satisfy existing pods anti-affinity rules", preemptable: true }];
  }
}

/** Mean free share of CPU and memory after the pod is there, 0 to 1: more is better (LeastAllocated). */
function freeShare(wanted: Amounts, candidate: NodeUsage): number {
  const shares = ['cpu', 'memory'].map((name) => {
    const allocatable = candidate.allocatable.get(name) ?? 0;
    if (allocatable === 0) return 0;
    return Math.max(0, allocatable - (candidate.requested.get(name) ?? 0) - (wanted.get(name) ?? 0)) / allocatable;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Compared entry by entry: fewest soft taints, then preferred affinity, then most free; the first name wins a tie. */
function scoreOf(pod: Pod, wanted: Amounts, candidate: NodeUsage, snapshot: ClusterSnapshot): readonly number[] {
  const soft = (candidate.node.spec?.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule');
  return [
    -untolerated(soft, pod.spec.tolerations ?? []).length,
    preferredNodeWeight(pod.spec.affinity, candidate.node) + preferredPodWeight(pod, candidate.node, snapshot),
    freeShare(wanted, candidate),
  ];
}

function isBetter(score: readonly number[], best: readonly number[]): boolean {
  for (const [index, value] of score.entries()) {
    const other = best[index] ?? 0;
    if (value !== other) return value > other;
  }
  return false;
}

/** Chooses the node for one pod, or explains in kube-scheduler's words why there is none. */
export function placePod(pod: Pod, snapshot: ClusterSnapshot): Placement {
  const wanted = podRequests(pod);
  const refused: (readonly NodeRefusal[])[] = [];
  let best: { nodeName: string; score: readonly number[] } | undefined;
  for (const candidate of snapshot.nodes) {
    const refusals = refusalsOf(pod, wanted, candidate, snapshot);
    if (refusals.length > 0) {
      refused.push(refusals);
      continue;
    }
    const score = scoreOf(pod, wanted, candidate, snapshot);
    if (!best || isBetter(score, best.score)) best = { nodeName: candidate.node.metadata.name, score };
  }
  if (best) return { kind: 'bind', nodeName: best.nodeName };
  return { kind: 'unschedulable', message: unschedulableMessage(refused) };
}
