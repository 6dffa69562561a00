// Removes pod objects whose kubelet will never do it. Runs in rounds, as the real one does; force-deletes only with the uid it saw.
import { nodes as nodeType, pods as podType } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isConflict, isNotFound, toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Logger } from 'pino';
import { patchStatus } from '../../conditions-patch.ts';
import { wholeSeconds, type Condition } from '../../model/meta.ts';
import type { Node } from '../../model/node.ts';
import { isFinished, type Pod } from '../../model/pod.ts';
import { missingNodes, podsToCollect, type Collected } from './decide.ts';

export interface PodGcDeps {
  readonly client: KubeClient;
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Time between two rounds, ms (Kubernetes: 20 s). */
  readonly periodMs: number;
  /** How long a node must be missing before its pods go, ms (Kubernetes: 40 s). */
  readonly quarantineMs: number;
  /** Finished pods kept (Kubernetes: 12500). */
  readonly finishedLimit: number;
}

export class PodGc {
  readonly #deps: PodGcDeps;
  readonly #missingSinceMs = new Map<string, number>();

  constructor(deps: PodGcDeps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, nodes, periodMs, pods } = this.#deps;
    await Promise.all([nodes.synced(), pods.synced()]);
    while (!signal.aborted) {
      await this.#round().catch((error: unknown) =>
        log.warn({ err: toKubeError(error) }, 'a round of pod collection failed'),
      );
      await clock.sleep(periodMs, signal).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const { clock, finishedLimit, quarantineMs } = this.#deps;
    const [nodes, pods] = [this.#deps.nodes.store.list(), this.#deps.pods.store.list()];
    const monotonicMs = clock.monotonic();
    const missing = missingNodes(pods, nodes);
    for (const name of this.#missingSinceMs.keys()) if (!missing.has(name)) this.#missingSinceMs.delete(name);
    for (const name of missing) if (!this.#missingSinceMs.has(name)) this.#missingSinceMs.set(name, monotonicMs);
    const missingSinceMs = this.#missingSinceMs;
    for (const collected of podsToCollect({ pods, nodes, missingSinceMs, monotonicMs, quarantineMs, finishedLimit })) {
      if (collected.reason === 'NodeGone' && (await this.#nodeExists(collected.pod))) continue;
      await this.#remove(collected);
    }
  }

  /** The watch may be late: a node counts as gone only when the API server says so. */
  async #nodeExists(pod: Pod): Promise<boolean> {
    try {
      await this.#deps.client.get(nodeType, { name: pod.spec.nodeName ?? '' });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #remove({ pod, reason }: Collected): Promise<void> {
    const { client, clock, log } = this.#deps;
    const { uid, generation } = pod.metadata;
    const condition: Condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByPodGC',
      message: 'PodGC: node no longer exists',
      lastTransitionTime: wholeSeconds(clock.now()),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    try {
      if (!isFinished(pod))
        await patchStatus(client, podType, pod.metadata, {
          phase: 'Failed',
          ...(reason === 'NodeGone' ? { conditions: [condition] } : {}),
        });
      await client.delete(podType, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid } });
      log.info({ pod: keyOf(pod), node: pod.spec.nodeName, reason }, 'pod object removed');
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}
