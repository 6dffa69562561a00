// The scheduler's loop: every pod that awaits placement is decided on the present snapshot and bound through pods/binding.
// Level-based: a pod that found no room is tried again whenever the cluster changes. It writes nothing but the binding,
// the PodScheduled condition and events.
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { pods as podType } from '@idlewild/operator/api/resources.ts';
import type { Logger } from 'pino';
import { patchStatus } from '../conditions-patch.ts';
import { conditionOf, wholeSeconds, type Condition } from '../model/meta.ts';
import type { Namespace } from '../model/namespace.ts';
import type { Node } from '../model/node.ts';
import { podReference, type Pod } from '../model/pod.ts';
import { AssumedBindings } from './assumed.ts';
import { nodeMatters, podMatters } from './changes.ts';
import { awaitsPlacement, placePod } from './decide.ts';
import { takeSnapshot } from './snapshot.ts';

export interface SchedulerDeps {
  readonly client: KubeClient;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly namespaces: Informer<Namespace>;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Bindings in flight at a time; decisions themselves are made one after the other. */
const CONCURRENT_BINDINGS = 16;

export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #assumed = new AssumedBindings();
  readonly #waiting = new Map<string, Pod>();
  readonly #controller: Controller;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#controller = new Controller({
      name: 'scheduler',
      log: deps.log,
      clock: deps.clock,
      concurrency: CONCURRENT_BINDINGS,
      reconcile: (key) => this.#schedule(key),
    });
    deps.pods.onChange((change) => {
      const { object: pod, type } = change;
      if (pod.spec.nodeName || type === 'deleted') this.#assumed.forget(pod);
      if (type === 'deleted') this.#waiting.delete(keyOf(pod));
      else if (awaitsPlacement(pod)) this.#controller.enqueue(keyOf(pod));
      if (podMatters(change)) this.#retryWaiting();
    });
    deps.nodes.onChange((change) => {
      if (nodeMatters(change)) this.#retryWaiting();
    });
  }

  /** Runs until the signal aborts; nothing is placed before nodes and pods are known. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#deps.pods.synced(), this.#deps.nodes.synced(), this.#deps.namespaces.synced()]);
    await this.#controller.run(signal);
  }

  /** Those of higher priority first, then those that wait longest: the order of kube-scheduler's queue. */
  #retryWaiting(): void {
    const order = [...this.#waiting].sort(
      ([, a], [, b]) =>
        (b.spec.priority ?? 0) - (a.spec.priority ?? 0) ||
        (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
        a.metadata.name.localeCompare(b.metadata.name),
    );
    for (const [key] of order) this.#controller.enqueue(key);
  }

  async #schedule(key: string): Promise<void> {
    const { pods, nodes, namespaces } = this.#deps;
    const pod = pods.store.get(key);
    if (!pod || !awaitsPlacement(pod)) {
      this.#waiting.delete(key);
      return;
    }
    if (this.#assumed.has(pod)) return;
    const placement = placePod(
      pod,
      takeSnapshot({
        nodes: nodes.store.list(),
        pods: pods.store.list(),
        assumed: this.#assumed.list(),
        namespaceLabels: new Map(namespaces.store.list().map(({ metadata }) => [metadata.name, metadata.labels ?? {}])),
      }),
    );
    switch (placement.kind) {
      case 'bind':
        this.#waiting.delete(key);
        return this.#bind(pod, placement.nodeName);
      case 'unschedulable':
        this.#waiting.set(key, pod);
        return this.#explain(pod, placement.message);
    }
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { client, events, log, pods } = this.#deps;
    const { name, namespace = '', uid } = pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    this.#assumed.assume(pod, nodeName);
    try {
      await client.create(podType, binding, { namespace, subresource: 'binding', name });
    } catch (error) {
      this.#assumed.forget(pod);
      if (isNotFound(error) || isConflict(error)) {
        log.info({ pod: keyOf(pod), nodeName, err: error }, 'binding refused: the pod is gone or already bound');
        this.#retryWaiting();
        return;
      }
      throw error;
    }
    const present = pods.store.get(keyOf(pod));
    if (present?.metadata.uid !== uid || present.spec.nodeName) this.#assumed.forget(pod);
    log.info({ pod: keyOf(pod), nodeName }, 'pod bound');
    events.event(podReference(pod), {
      type: 'Normal',
      reason: 'Scheduled',
      action: 'Binding',
      message: `Successfully assigned ${namespace}/${name} to ${nodeName}`,
    });
  }

  async #explain(pod: Pod, message: string): Promise<void> {
    const { client, clock, events, log } = this.#deps;
    const present = conditionOf(pod.status?.conditions, 'PodScheduled');
    if (present?.status === 'False' && present.reason === 'Unschedulable' && present.message === message) return;
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime:
        present?.status === 'False' ? (present.lastTransitionTime ?? null) : wholeSeconds(clock.now()),
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    };
    log.info({ pod: keyOf(pod), message }, 'pod cannot be placed');
    events.event(podReference(pod), { type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling', message });
    try {
      await patchStatus(client, podType, pod.metadata, { conditions: [condition] });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}
