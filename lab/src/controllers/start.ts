// The list of all controllers that kube-controller-manager would run for the lab. No logic: what each one does is in its folder.
import { namespaces, nodes, podDisruptionBudgets, pods } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Logger } from 'pino';
import type { Informers } from '../informers.ts';
import type { Namespace } from '../model/namespace.ts';
import type { Node } from '../model/node.ts';
import type { Pod } from '../model/pod.ts';
import type { DisruptionBudget } from './disruption/decide.ts';
import { DisruptionController } from './disruption/reconcile.ts';
import { GarbageCollector } from './garbage-collection/reconcile.ts';
import { NamespaceController } from './namespaces/reconcile.ts';
import { NodeLifecycle } from './node-lifecycle/reconcile.ts';
import { PodGc } from './pod-gc/reconcile.ts';
import { ServiceAccountController } from './service-accounts/reconcile.ts';
import { TaintEviction } from './taint-eviction/reconcile.ts';

/** Times in ms; the defaults are those of Kubernetes. */
export interface ControllerSettings {
  readonly nodeGraceMs: number;
  readonly podGcPeriodMs: number;
  readonly podGcQuarantineMs: number;
  readonly finishedPodLimit: number;
}

export const KUBERNETES_SETTINGS: ControllerSettings = {
  nodeGraceMs: 50_000,
  podGcPeriodMs: 20_000,
  podGcQuarantineMs: 40_000,
  finishedPodLimit: 12_500,
};

export interface ControllersDeps {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly newId: () => string;
  readonly caPem: string;
  readonly settings: ControllerSettings;
}

/** Resolves when all controllers run; they end with the signal. Throws KubeError if discovery cannot be read. */
export async function startControllers(deps: ControllersDeps): Promise<void> {
  const { caPem, client, clock, informers, newId, settings, signal } = deps;
  const log = deps.log.child({ part: 'controllers' });
  const shared = {
    client,
    clock,
    log,
    namespaces: informers.of<Namespace>(namespaces),
    nodes: informers.of<Node>(nodes),
    pods: informers.of<Pod>(pods),
  };
  const eventsBy = (controller: string) =>
    new EventRecorder({ client, controller, instance: controller, clock, log, newId });

  const running = [
    new ServiceAccountController({ ...shared, caPem }),
    new NamespaceController(shared),
    new NodeLifecycle({ ...shared, events: eventsBy('node-controller'), graceMs: settings.nodeGraceMs }),
    new TaintEviction({ ...shared, events: eventsBy('taint-eviction-controller') }),
    new DisruptionController({ ...shared, budgets: informers.of<DisruptionBudget>(podDisruptionBudgets) }),
    new PodGc({
      ...shared,
      periodMs: settings.podGcPeriodMs,
      quarantineMs: settings.podGcQuarantineMs,
      finishedLimit: settings.finishedPodLimit,
    }),
  ].map((controller) => controller.run(signal));
  const collector = await new GarbageCollector(shared).start(signal);
  for (const ended of [...running, collector.ended])
    ended.catch((error: unknown) => {
      if (!signal.aborted) log.fatal({ err: error }, 'a controller ended');
    });
  await informers.synced();
}
