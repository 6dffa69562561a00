// Deletes pods from nodes with NoExecute taints when their toleration is over. The pod is told why in its DisruptionTarget condition
// before it is deleted with its own grace period; whether it really ends is the kubelet's affair.
import { pods as podType } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { patchStatus } from '../../conditions-patch.ts';
import { wholeSeconds } from '../../model/meta.ts';
import type { Node, Taint } from '../../model/node.ts';
import { podReference, type Pod } from '../../model/pod.ts';
import { declaredStart, evictionDeadline } from './decide.ts';

export interface TaintEvictionDeps {
  readonly client: KubeClient;
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class TaintEviction {
  readonly #deps: TaintEvictionDeps;
  readonly #controller: Controller;
  /** Pods whose eviction is set for later, by key. */
  readonly #pending = new Set<string>();
  /** When a taint without a time of its own was first seen, by node uid, key and effect. */
  readonly #firstSeen = new Map<string, number>();

  constructor(deps: TaintEvictionDeps) {
    this.#deps = deps;
    this.#controller = new Controller({
      name: 'taint-eviction',
      log: deps.log,
      clock: deps.clock,
      concurrency: 8,
      reconcile: (key) => this.#reconcile(key),
    });
    deps.nodes.onChange(({ type, object: node, previous }) => {
      if (type === 'updated' && isDeepStrictEqual(node.spec?.taints, previous?.spec?.taints)) return;
      this.#remember(node, type === 'deleted');
      for (const pod of deps.pods.store.byIndex('node', node.metadata.name)) this.#controller.enqueue(keyOf(pod));
    });
    deps.pods.onChange(({ type, object: pod, previous }) => {
      if (type === 'deleted') this.#pending.delete(keyOf(pod));
      const moved = pod.spec.nodeName !== previous?.spec.nodeName;
      const changed = !isDeepStrictEqual(pod.spec.tolerations, previous?.spec.tolerations);
      if (type !== 'deleted' && pod.spec.nodeName && (moved || changed)) this.#controller.enqueue(keyOf(pod));
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#deps.nodes.synced(), this.#deps.pods.synced()]);
    await this.#controller.run(signal);
  }

  #remember(node: Node, gone: boolean): void {
    const present = new Set((gone ? [] : (node.spec?.taints ?? [])).map((taint) => taintKey(node, taint)));
    for (const key of this.#firstSeen.keys())
      if (key.startsWith(`${node.metadata.uid} `) && !present.has(key)) this.#firstSeen.delete(key);
    for (const key of present) if (!this.#firstSeen.has(key)) this.#firstSeen.set(key, this.#deps.clock.now());
  }

  async #reconcile(key: string): Promise<{ requeueAfterMs: number } | undefined> {
    const { clock, nodes, pods } = this.#deps;
    const pod = pods.store.get(key);
    const node = pod?.spec.nodeName ? nodes.store.get(pod.spec.nodeName) : undefined;
    if (!pod || !node) {
      this.#pending.delete(key);
      return undefined;
    }
    const now = clock.now();
    const deadline = evictionDeadline(
      pod,
      node.spec?.taints ?? [],
      (taint) => declaredStart(taint) ?? this.#firstSeen.get(taintKey(node, taint)) ?? now,
    );
    if (deadline === undefined) {
      if (this.#pending.delete(key) && pod.metadata.deletionTimestamp === undefined)
        this.#tell(pod, `Cancelling deletion of Pod ${key}`);
      return undefined;
    }
    if (deadline > now) {
      this.#pending.add(key);
      return { requeueAfterMs: deadline - now };
    }
    this.#pending.delete(key);
    await this.#evict(pod, key);
    return undefined;
  }

  async #evict(pod: Pod, key: string): Promise<void> {
    const { client, clock, log } = this.#deps;
    const { uid, generation } = pod.metadata;
    try {
      await patchStatus(client, podType, pod.metadata, {
        conditions: [
          {
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'DeletionByTaintManager',
            message: 'Taint manager: deleting due to NoExecute taint',
            lastTransitionTime: wholeSeconds(clock.now()),
            ...(generation === undefined ? {} : { observedGeneration: generation }),
          },
        ],
      });
      this.#tell(pod, `Marking for deletion Pod ${key}`);
      await client.delete(podType, pod.metadata, { preconditions: { uid } });
      log.info({ pod: key, node: pod.spec.nodeName }, 'pod evicted by a NoExecute taint');
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #tell(pod: Pod, message: string): void {
    const reason = 'TaintManagerEviction';
    this.#deps.events.event(podReference(pod), { type: 'Normal', reason, action: reason, message });
  }
}

function taintKey(node: Node, taint: Taint): string {
  return `${node.metadata.uid} ${taint.key} ${taint.effect}`;
}
