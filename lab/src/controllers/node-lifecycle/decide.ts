// What the control plane concludes about one node: whether its kubelet is silent, which taints it gets, and which of its pods are
// no longer ready. Pure. Facts: kube-controller-manager's node lifecycle controller (pkg/controller/nodelifecycle).
import { conditionOf, type Condition } from '../../model/meta.ts';
import { sameTaint, TAINT, type Node, type NodeLease, type Taint } from '../../model/node.ts';
import { isFinished, type Pod } from '../../model/pod.ts';

/** The last sign of life of a node, in the control plane's own monotonic time: the node's clock is never trusted. */
export interface Heartbeat {
  readonly sign: string;
  readonly seenMs: number;
}

/** The kubelet's conditions that become Unknown together when it is silent. */
const KUBELET_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

const CONDITION_TAINTS: readonly {
  readonly type: string;
  readonly status: Condition['status'];
  readonly key: string;
}[] = [
  { type: 'Ready', status: 'False', key: TAINT.notReady },
  { type: 'Ready', status: 'Unknown', key: TAINT.unreachable },
  { type: 'MemoryPressure', status: 'True', key: TAINT.memoryPressure },
  { type: 'DiskPressure', status: 'True', key: TAINT.diskPressure },
  { type: 'PIDPressure', status: 'True', key: TAINT.pidPressure },
  { type: 'NetworkUnavailable', status: 'True', key: TAINT.networkUnavailable },
];

const EVICTING = new Set<string>([TAINT.notReady, TAINT.unreachable]);

const OWN_TAINTS: readonly Taint[] = [
  ...[...CONDITION_TAINTS.map(({ key }) => key), TAINT.unschedulable].map((key): Taint => ({
    key,
    effect: 'NoSchedule',
  })),
  ...[...EVICTING].map((key): Taint => ({ key, effect: 'NoExecute' })),
];

/** A new sign of life (a renewed lease or a posted status) restarts the node's time; the same sign again does not. */
export function heartbeatOf(
  previous: Heartbeat | undefined,
  node: Node,
  lease: NodeLease | undefined,
  monotonicMs: number,
): Heartbeat {
  const posted = conditionOf(node.status?.conditions, 'Ready')?.lastHeartbeatTime ?? '';
  const sign = `${node.metadata.uid} ${lease?.spec?.renewTime ?? ''} ${posted}`;
  return previous?.sign === sign ? previous : { sign, seenMs: monotonicMs };
}

/** How long the node may still stay silent, in ms; zero or less means that it counts as unreachable. */
export function silenceLeftMs(heartbeat: Heartbeat, monotonicMs: number, graceMs: number): number {
  return heartbeat.seenMs + graceMs - monotonicMs;
}

/** The conditions of a node whose kubelet is silent, only those that change. */
export function silentConditions(node: Node, nowText: string): readonly Condition[] {
  const changes: Condition[] = [];
  for (const type of KUBELET_CONDITIONS) {
    const present = conditionOf(node.status?.conditions, type);
    if (!present)
      changes.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata.creationTimestamp ?? nowText,
        lastTransitionTime: nowText,
      });
    else if (present.status !== 'Unknown')
      changes.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: nowText,
      });
  }
  return changes;
}

function taintsDue(node: Node): readonly Taint[] {
  const conditions = node.status?.conditions;
  const due: Taint[] = [];
  for (const { type, status, key } of CONDITION_TAINTS) {
    if (conditionOf(conditions, type)?.status !== status) continue;
    due.push({ key, effect: 'NoSchedule' });
    if (EVICTING.has(key)) due.push({ key, effect: 'NoExecute' });
  }
  // Before the first status nothing is known: the taint that admission put there stays.
  if (!conditionOf(conditions, 'Ready')) due.push({ key: TAINT.notReady, effect: 'NoSchedule' });
  if (node.spec?.unschedulable) due.push({ key: TAINT.unschedulable, effect: 'NoSchedule' });
  return due;
}

/** The node's whole new list of taints, or undefined if it is right already. Taints of others stay as they are. */
export function correctedTaints(node: Node, nowText: string): readonly Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const due = taintsDue(node);
  const isOwn = (taint: Taint): boolean => OWN_TAINTS.some((own) => sameTaint(own, taint));
  const kept = present.filter((taint) => !isOwn(taint) || due.some((wanted) => sameTaint(wanted, taint)));
  const added = due.filter((wanted) => !present.some((taint) => sameTaint(wanted, taint)));
  if (added.length === 0 && kept.length === present.length) return undefined;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: nowText }))];
}

/** True while the node is known not to be ready. */
export function isNotReady(node: Node): boolean {
  const ready = conditionOf(node.status?.conditions, 'Ready');
  return ready !== undefined && ready.status !== 'True';
}

/**
 * The pods on a node that is not ready that still claim to be: those that became ready after the node ceased to be are left
 * alone, for then their kubelet is alive.
 */
export function podsToMarkNotReady(node: Node, pods: readonly Pod[]): readonly Pod[] {
  if (!isNotReady(node)) return [];
  const since = Date.parse(conditionOf(node.status?.conditions, 'Ready')?.lastTransitionTime ?? '');
  return pods.filter((pod) => {
    const ready = conditionOf(pod.status?.conditions, 'Ready');
    const changed = Date.parse(ready?.lastTransitionTime ?? '');
    return !isFinished(pod) && ready?.status === 'True' && !(changed > since);
  });
}
