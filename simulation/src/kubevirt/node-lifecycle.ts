// What the control plane says of machines that it does not hear: Kubernetes' node and taint controllers and KubeVirt's heartbeat.
// Facts: Ready is Unknown after 50 s with both taints at once, KubeVirt's label goes after 5 min, pods are marked for deletion
// after their 300 s of toleration (pkg/controller/{nodelifecycle,tainteviction}, pkg/virt-controller/watch/node).

import type { Node, Taint } from '@idlewild/operator/api/kubernetes.ts';
import { isBeingDeleted } from '@idlewild/operator/api/meta.ts';
import { nodes, pods } from '@idlewild/operator/api/resources.ts';
import { labels } from '@idlewild/operator/model/names.ts';
import type { Host } from './hosts.ts';
import { isPodOver } from './objects.ts';
import { timeOf, type Stage } from './stage.ts';

const graceMs = 50_000;
const heartbeatMs = 323_000;
const tolerationMs = 300_000;
const backMs = 2_000;
const agentBackMs = 8_000;

const unreachable: readonly Taint[] = [
  { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
];

export class NodeLifecycle {
  readonly #stage: Stage;
  /** By machine: changes with every loss and return, so that what was meant for an earlier one is dropped. */
  readonly #turns = new Map<string, number>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  silent({ name }: Host): void {
    this.#later(name, graceMs, () => {
      this.#change(name, (node) => ready(withTaints(node, unreachable), 'Unknown', timeOf(this.#stage.clock)));
      this.#later(name, tolerationMs, () => this.#evict(name));
    });
    this.#later(name, heartbeatMs, () => this.#schedulable(name, 'false'));
    this.#turns.set(name, this.#turn(name) + 1);
  }

  heard({ name }: Host): void {
    this.#turns.set(name, this.#turn(name) + 1);
    this.#later(name, backMs, () => this.#back(name), 0);
    this.#later(name, agentBackMs, () => this.#schedulable(name, 'true'), 0);
  }

  #back(name: string): void {
    this.#change(name, (node) => {
      const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
      return isReady ? node : ready(withTaints(node, []), 'True', timeOf(this.#stage.clock));
    });
  }

  #schedulable(name: string, value: 'true' | 'false'): void {
    this.#change(name, (node) =>
      node.metadata.labels?.[labels.schedulable] === value
        ? node
        : { ...node, metadata: { ...node.metadata, labels: { ...node.metadata.labels, [labels.schedulable]: value } } },
    );
  }

  #evict(name: string): void {
    for (const pod of this.#stage.relations.podsOn(name)) {
      if (!isPodOver(pod) && !isBeingDeleted(pod)) this.#stage.cluster.remove(pods, pod, { gracePeriodSeconds: 60 });
    }
  }

  #change(name: string, how: (node: Node) => Node): void {
    const node = this.#stage.cluster.get<Node>(nodes, { name });
    if (node) this.#stage.cluster.change<Node>(nodes, node, how);
  }

  #turn(name: string): number {
    return this.#turns.get(name) ?? 0;
  }

  #later(name: string, ms: number, act: () => void, ahead = 1): void {
    const turn = this.#turn(name) + ahead;
    this.#stage.clock.setTimeout(() => {
      if (this.#turn(name) === turn) act();
    }, ms);
  }
}

function withTaints(node: Node, own: readonly Taint[]): Node {
  const others = (node.spec?.taints ?? []).filter(({ key }) => key !== 'node.kubernetes.io/unreachable');
  return { ...node, spec: { ...node.spec, taints: [...others, ...own] } };
}

function ready(node: Node, status: 'True' | 'Unknown', at: string): Node {
  const others = (node.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
  const condition = { type: 'Ready', status, lastTransitionTime: at };
  return { ...node, status: { ...node.status, conditions: [...others, condition] } };
}
