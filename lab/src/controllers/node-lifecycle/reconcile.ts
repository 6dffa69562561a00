// Watches the heartbeats of nodes: a silent one becomes Unknown, is tainted, and its pods are marked as not ready.
// Event-driven: a node is looked at when it changes and when its time would be over. Nothing is concluded from a late watch:
// node and lease are read from the API server before a node is declared silent.
import { leases as leaseType, nodes as nodeType, pods as podType } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import type { Logger } from 'pino';
import { patchStatus } from '../../conditions-patch.ts';
import { wholeSeconds } from '../../model/meta.ts';
import { NODE_LEASE_NAMESPACE, type Node, type NodeLease } from '../../model/node.ts';
import { podReference, type Pod } from '../../model/pod.ts';
import {
  correctedTaints,
  heartbeatOf,
  isNotReady,
  podsToMarkNotReady,
  silenceLeftMs,
  silentConditions,
  type Heartbeat,
} from './decide.ts';

export interface NodeLifecycleDeps {
  readonly client: KubeClient;
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a node may be silent, in ms (Kubernetes: 50 s). */
  readonly graceMs: number;
}

export class NodeLifecycle {
  readonly #deps: NodeLifecycleDeps;
  readonly #leases: Informer<NodeLease>;
  readonly #controller: Controller;
  readonly #heartbeats = new Map<string, Heartbeat>();

  constructor(deps: NodeLifecycleDeps) {
    this.#deps = deps;
    const { client, clock, log } = deps;
    this.#leases = new Informer<NodeLease>({ client, type: leaseType, namespace: NODE_LEASE_NAMESPACE, clock, log });
    this.#controller = new Controller({
      name: 'node-lifecycle',
      log,
      clock,
      concurrency: 4,
      reconcile: (name) => this.#reconcile(name),
    });
    deps.nodes.onChange(({ type, object: node, previous }) => {
      const { name } = node.metadata;
      if (type === 'added')
        this.#tell(node, 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
      if (type === 'updated' && previous && !isNotReady(previous) && isNotReady(node))
        this.#tell(node, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
      if (type === 'deleted') {
        this.#heartbeats.delete(name);
        this.#tell(node, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
      } else this.#controller.enqueue(name);
    });
    this.#leases.onChange(({ type, object: lease }) => {
      const node = deps.nodes.store.get(lease.metadata.name);
      if (node && type !== 'deleted') this.#hear(node, lease);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = this.#leases.run(signal);
    await Promise.all([this.#deps.nodes.synced(), this.#deps.pods.synced(), this.#leases.synced()]);
    await Promise.all([following, this.#controller.run(signal)]);
  }

  #hear(node: Node, lease: NodeLease | undefined): Heartbeat {
    const { name } = node.metadata;
    const heartbeat = heartbeatOf(this.#heartbeats.get(name), node, lease, this.#deps.clock.monotonic());
    this.#heartbeats.set(name, heartbeat);
    return heartbeat;
  }

  #timeLeft(node: Node, lease: NodeLease | undefined): number {
    return silenceLeftMs(this.#hear(node, lease), this.#deps.clock.monotonic(), this.#deps.graceMs);
  }

  async #reconcile(name: string): Promise<{ requeueAfterMs: number } | undefined> {
    const known = this.#deps.nodes.store.get(name);
    if (!known) return undefined;
    try {
      let left = this.#timeLeft(known, this.#leases.store.get(`${NODE_LEASE_NAMESPACE}/${name}`));
      if (left <= 0) left = await this.#confirmSilence(name);
      await this.#correctTaints(known);
      await this.#markPods(known);
      return left > 0 ? { requeueAfterMs: left } : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (isConflict(error)) return { requeueAfterMs: 0 };
      throw error;
    }
  }

  /** Reads node and lease anew; returns the time the node has left, and writes Unknown if it has none. */
  async #confirmSilence(name: string): Promise<number> {
    const { client, clock, log } = this.#deps;
    const node = await client.get<Node>(nodeType, { name });
    const lease = await this.#readLease(name);
    const left = this.#timeLeft(node, lease);
    if (left > 0) return left;
    const conditions = silentConditions(node, wholeSeconds(clock.now()));
    if (conditions.length > 0) {
      log.warn({ node: name }, 'node is silent: conditions become Unknown');
      await patchStatus(client, nodeType, node.metadata, { conditions });
    }
    return left;
  }

  async #readLease(name: string): Promise<NodeLease | undefined> {
    try {
      return await this.#deps.client.get<NodeLease>(leaseType, { namespace: NODE_LEASE_NAMESPACE, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #correctTaints(node: Node): Promise<void> {
    const { client, clock, log } = this.#deps;
    const taints = correctedTaints(node, wholeSeconds(clock.now()));
    if (!taints) return;
    const { uid, resourceVersion, name } = node.metadata;
    // Kubernetes leaves an empty list out of what it stores.
    const spec = { taints: taints.length === 0 ? null : taints };
    await client.mergePatch(nodeType, { name }, { metadata: { uid, resourceVersion }, spec });
    log.info({ node: name, taints: taints.map(({ key, effect }) => `${key}:${effect}`) }, 'taints corrected');
  }

  async #markPods(node: Node): Promise<void> {
    const { client, clock, events, pods } = this.#deps;
    for (const pod of podsToMarkNotReady(node, pods.store.byIndex('node', node.metadata.name))) {
      try {
        await patchStatus(client, podType, pod.metadata, {
          conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: wholeSeconds(clock.now()) }],
        });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
        continue;
      }
      events.event(podReference(pod), {
        type: 'Warning',
        reason: 'NodeNotReady',
        action: 'NodeNotReady',
        message: 'Node is not ready',
      });
    }
  }

  #tell(node: Node, reason: string, message: string): void {
    const { name, uid } = node.metadata;
    this.#deps.events.event(
      { apiVersion: 'v1', kind: 'Node', name, uid },
      { type: 'Normal', reason, action: reason, message },
    );
  }
}
