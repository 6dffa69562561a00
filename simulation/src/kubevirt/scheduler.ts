// The scheduler: which node takes a pod, by the rules of Kubernetes that matter to launcher pods.
// Promises: pure but for reading the cluster; a pod that no node takes is told so in the words of the real scheduler.

import { meets } from '@idlewild/lab/model/label-selector.ts';
import type { NodeSelectorTerm, Node, Pod } from '@idlewild/operator/api/kubernetes.ts';
import { quantityToMebibytes } from '@idlewild/operator/api/quantity.ts';
import { nodes, pods } from '@idlewild/operator/api/resources.ts';
import { labels } from '@idlewild/operator/model/names.ts';
import { isPodOver } from './objects.ts';
import type { Stage } from './stage.ts';

/** How soon a pod that found no place is looked at again: one that waits for a single machine is told of its changes. */
const lookAgainMs = 30_000;
const pinnedAgainMs = 1_000;

/** Binds the pod, or marks it as unschedulable. */
export function stepScheduler(stage: Stage, pod: Pod, key: string): void {
  const { cluster } = stage;
  const names = candidates(pod);
  const refusals: string[] = [];
  for (const node of names === undefined ? cluster.list<Node>(nodes) : names.flatMap((name) => found(stage, name))) {
    const refusal = refusalOf(stage, pod, node);
    if (refusal === undefined) {
      const bound = (current: Pod): Pod => ({ ...current, spec: { ...current.spec, nodeName: node.metadata.name } });
      cluster.change<Pod>(pods, pod, (current) => (wasRefused(current) ? scheduled(bound(current)) : bound(current)));
      return;
    }
    refusals.push(refusal);
  }
  const total = names === undefined ? refusals.length : cluster.list(nodes).length;
  const others = total - refusals.length;
  const reasons = [...refusals, ...Array.from({ length: others }, () => mismatch)];
  const message = `0/${total} nodes are available: ${counted(reasons).join(', ')}.`;
  const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (before?.message !== message) {
    const condition = { type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable', message };
    cluster.change<Pod>(pods, pod, (current) => ({
      ...current,
      status: { ...current.status, conditions: [condition] },
    }));
  }
  stage.wakePod(key, names === undefined ? lookAgainMs : pinnedAgainMs);
}

const mismatch = "node(s) didn't match Pod's node affinity/selector";

function wasRefused({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'PodScheduled' && value === 'False') === true;
}

function scheduled(pod: Pod): Pod {
  return { ...pod, status: { ...pod.status, conditions: [{ type: 'PodScheduled', status: 'True' }] } };
}

function found(stage: Stage, name: string): Node[] {
  const node = stage.cluster.get<Node>(nodes, { name });
  return node ? [node] : [];
}

/** A pod that names its node needs no look at the others. */
function candidates({ spec }: Pod): readonly string[] | undefined {
  const selected = spec.nodeSelector?.[labels.hostname];
  if (selected !== undefined) return [selected];
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const pins = terms.map(
    ({ matchExpressions }) => matchExpressions?.find(({ key }) => key === labels.hostname)?.values,
  );
  return terms.length > 0 && pins.every((pin) => pin !== undefined) ? pins.flat() : undefined;
}

function refusalOf(stage: Stage, pod: Pod, node: Node): string | undefined {
  const own = node.metadata.labels ?? {};
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (selector.some(([key, value]) => own[key] !== value)) return mismatch;
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms && !terms.some((term) => matches(term, own))) return mismatch;
  if (node.spec?.unschedulable === true) return 'node(s) were unschedulable';
  const taint = (node.spec?.taints ?? []).find(({ effect }) => effect !== 'PreferNoSchedule');
  if (taint) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  return shortOf(stage, pod, node);
}

function matches({ matchExpressions }: NodeSelectorTerm, own: Readonly<Record<string, string>>): boolean {
  return (matchExpressions ?? []).every((requirement) => meets(own, requirement));
}

function shortOf(stage: Stage, pod: Pod, node: Node): string | undefined {
  const allocatable = node.status?.allocatable?.['memory'];
  if (allocatable === undefined) return undefined;
  const others = stage.relations.podsOn(node.metadata.name).filter((other) => !isPodOver(other));
  const taken = others.reduce((sum, other) => sum + memoryOf(other), 0);
  return taken + memoryOf(pod) > quantityToMebibytes(allocatable) ? 'Insufficient memory' : undefined;
}

function memoryOf({ spec }: Pod): number {
  return spec.containers.reduce(
    (sum, { resources }) => sum + quantityToMebibytes(resources?.requests?.['memory'] ?? 0),
    0,
  );
}

function counted(reasons: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} ${reason}`);
}
