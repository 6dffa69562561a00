// Keeps the status of PodDisruptionBudgets, which the eviction API decides on: without it every budget would refuse every eviction.
import { isDeepStrictEqual } from 'node:util';
import { podDisruptionBudgets } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Logger } from 'pino';
import { selects } from '../../model/label-selector.ts';
import { wholeSeconds } from '../../model/meta.ts';
import type { Pod } from '../../model/pod.ts';
import { budgetStatus, DISRUPTION_TIMEOUT_MS, type DisruptionBudget } from './decide.ts';

export interface DisruptionDeps {
  readonly client: KubeClient;
  readonly pods: Informer<Pod>;
  readonly budgets: Informer<DisruptionBudget>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class DisruptionController {
  readonly #deps: DisruptionDeps;
  readonly #controller: Controller;

  constructor(deps: DisruptionDeps) {
    this.#deps = deps;
    this.#controller = new Controller({
      name: 'disruption',
      log: deps.log,
      clock: deps.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    deps.budgets.onChange(({ type, object }) => {
      if (type !== 'deleted') this.#controller.enqueue(keyOf(object));
    });
    deps.pods.onChange(({ object: pod, previous }) => {
      for (const budget of deps.budgets.store.byIndex('namespace', pod.metadata.namespace ?? ''))
        if ([pod, previous].some((state) => state && selects(budget.spec?.selector, state.metadata.labels)))
          this.#controller.enqueue(keyOf(budget));
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#deps.pods.synced(), this.#deps.budgets.synced()]);
    await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<{ requeueAfterMs: number } | undefined> {
    const { budgets, client, clock, pods } = this.#deps;
    const budget = budgets.store.get(key);
    if (!budget || budget.metadata.deletionTimestamp !== undefined) return undefined;
    const selected = pods.store
      .byIndex('namespace', budget.metadata.namespace ?? '')
      .filter(({ metadata }) => selects(budget.spec?.selector, metadata.labels));
    const nowMs = clock.now();
    const status = budgetStatus(budget, selected, { ms: nowMs, text: wholeSeconds(nowMs) });
    if (!isDeepStrictEqual(status, budget.status)) {
      try {
        await client.replace(podDisruptionBudgets, { ...budget, status } as DisruptionBudget, {
          subresource: 'status',
        });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        if (isConflict(error)) return { requeueAfterMs: 0 };
        throw error;
      }
    }
    return status.disruptedPods ? { requeueAfterMs: DISRUPTION_TIMEOUT_MS } : undefined;
  }
}
