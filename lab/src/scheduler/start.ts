// Starts the scheduler on the shared informers.
import { namespaces, nodes, pods } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Logger } from 'pino';
import type { Informers } from '../informers.ts';
import type { Namespace } from '../model/namespace.ts';
import type { Node } from '../model/node.ts';
import type { Pod } from '../model/pod.ts';
import { DEFAULT_SCHEDULER } from './decide.ts';
import { Scheduler } from './reconcile.ts';

/** Resolves when the scheduler knows nodes and pods; it ends with the signal. */
export async function startScheduler(deps: {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly newId: () => string;
}): Promise<void> {
  const { client, clock, informers, newId, signal } = deps;
  const log = deps.log.child({ part: 'scheduler' });
  const scheduler = new Scheduler({
    client,
    clock,
    log,
    pods: informers.of<Pod>(pods),
    nodes: informers.of<Node>(nodes),
    namespaces: informers.of<Namespace>(namespaces),
    events: new EventRecorder({
      client,
      controller: DEFAULT_SCHEDULER,
      instance: DEFAULT_SCHEDULER,
      clock,
      log,
      newId,
    }),
  });
  scheduler.run(signal).catch((error: unknown) => {
    if (!signal.aborted) log.fatal({ err: error }, 'the scheduler ended');
  });
  await informers.synced();
}
