// Carries out holds, one machine at a time.
// Promises: the annotation is written with the version it was decided on, so that a decision on an old view is made anew; an
// event tells of a hold only once it is written.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Node } from '../api/kubernetes.ts';
import { annotationOf, isBeingDeleted } from '../api/meta.ts';
import { nodes } from '../api/resources.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { Change } from '../kube/store.ts';
import { inPool } from '../model/machine.ts';
import { annotations, labels, taints } from '../model/names.ts';
import type { Deps } from '../deps.ts';
import { decideHold } from './decide.ts';
import { FailedStarts } from './failed-starts.ts';
import { holdEvent } from './events.ts';
import { createHoldMetrics, type HoldMetrics } from './metrics.ts';
import { formatHold, parseHold } from './state.ts';

export class Holds {
  readonly #deps: Deps;
  readonly #starts = new FailedStarts();
  readonly #metrics: HoldMetrics;
  /** The annotation of each machine as it was last decided on or written, to notice that somebody takes it away. */
  readonly #told = new Map<string, string>();
  readonly #held = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#metrics = createHoldMetrics(deps.registry, () => this.#held.size);
  }

  /** @returns the machines to look at. */
  sawJob({ type, object }: Change<ComputeJob>): string[] {
    return type === 'deleted' ? [] : this.#starts.saw(object, this.#deps.clock.now());
  }

  /** Whether the machine is to be looked at: heartbeats and the like change nothing. */
  concerns({ type, object, previous }: Change<Node>): boolean {
    if (type !== 'updated' || !previous) return true;
    return facts(object) !== facts(previous);
  }

  readonly reconcile = async (name: string, { log }: ReconcileContext): Promise<Result> => {
    const { world, clock, ledger } = this.#deps;
    const node = world.nodes.get(name);
    // Approved machines only: what has never been in the pool is not ours to judge.
    if (!node || isBeingDeleted(node) || node.metadata.labels?.[labels.approved] !== 'true') {
      this.#told.delete(name);
      this.#held.delete(name);
      return;
    }
    const text = annotationOf(node, annotations.hold);
    const nowMs = clock.now();
    const starts = this.#starts.on(name, nowMs);
    const decision = decideHold({
      lost: isLost(node),
      state: parseHold(text),
      lifted: text === undefined && this.#told.has(name),
      starts,
      others: starts.length === 0 ? { held: 0, machines: 0 } : this.#others(name),
      nowMs,
    });
    const next = formatHold(decision.state);
    if (next !== (text ?? null)) await this.#write(node, next);
    if (next === null) this.#told.delete(name);
    else this.#told.set(name, next);
    if (decision.held) this.#held.add(name);
    else this.#held.delete(name);
    for (const news of decision.news) {
      const event = holdEvent(news, name, decision.state.message);
      ledger.machine(node, event);
      log.info({ machine: name, reason: event.reason }, event.message);
      if (news === 'HeldDown') this.#metrics.held(decision.state.reason);
    }
    return { requeueAfterMs: decision.lookAgainInMs };
  };

  #others(name: string): { held: number; machines: number } {
    const machines = this.#deps.world.pool().machines.filter((machine) => machine.name !== name && inPool(machine));
    return { held: machines.filter(({ hold }) => hold !== undefined).length, machines: machines.length };
  }

  async #write(node: Node, hold: string | null): Promise<void> {
    const { name, resourceVersion } = node.metadata;
    const { client, world } = this.#deps;
    const patch = { metadata: { resourceVersion, annotations: { [annotations.hold]: hold } } };
    try {
      world.nodes.wrote(await client.mergePatch<Node>(nodes, { name }, patch));
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) world.nodes.forget(name);
      throw error;
    }
  }
}

function isLost({ spec }: Node): boolean {
  return spec?.taints?.some(({ key }) => key === taints.lost) === true;
}

function facts(node: Node): string {
  const approved = node.metadata.labels?.[labels.approved];
  return JSON.stringify([
    annotationOf(node, annotations.hold),
    isLost(node),
    approved,
    node.metadata.deletionTimestamp,
  ]);
}
