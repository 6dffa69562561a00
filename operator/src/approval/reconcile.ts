// Carries out what an admin says of a machine, one machine at a time.
// Promises: the taint is written with the version that was judged by; a lease is ended only as the one that was seen; an event
// tells of a step only once it is done.

import { isInstanceOver } from '../api/kubevirt.ts';
import type { Node, Taint } from '../api/kubernetes.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { leases, nodes } from '../api/resources.ts';
import type { Deps } from '../deps.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { Change } from '../kube/store.ts';
import { isRevoked } from '../model/machine.ts';
import { labels, machineLeaseNamespace, taints } from '../model/names.ts';
import { taintsForPatch } from '../model/taints.ts';
import { decideApproval, type ApprovalDecision } from './decide.ts';

/** More than the last rung of the yield ladder needs, so that whoever can leave or save has done so. */
const limitMs = 10 * 60_000;

export class Approval {
  readonly #deps: Deps;
  /** Since when each revoked machine is known to be, monotonic ms. */
  readonly #revokedMs = new Map<string, number>();
  /** uid of the lease that was ended last, by machine: the watch tells of its end later. */
  readonly #ended = new Map<string, string | undefined>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Whether the machine is to be looked at: heartbeats and the like change nothing. */
  concerns({ type, object, previous }: Change<Node>): boolean {
    return type !== 'updated' || !previous || facts(object) !== facts(previous);
  }

  /** Whether the machine is on its way out, so that a guest that leaves is news. */
  isLeaving(machine: string): boolean {
    return this.#revokedMs.has(machine);
  }

  readonly reconcile = async (name: string, { log }: ReconcileContext): Promise<Result> => {
    const { world, clock, ledger } = this.#deps;
    const node = world.nodes.get(name);
    if (!node || isBeingDeleted(node) || !isRevoked(node)) this.#revokedMs.delete(name);
    if (!node) this.#ended.delete(name);
    if (!node || isBeingDeleted(node)) return;
    const nowMs = clock.monotonic();
    if (isRevoked(node) && !this.#revokedMs.has(name)) this.#revokedMs.set(name, nowMs);
    const lease = world.informers.agentLeases.store.get(`${machineLeaseNamespace}/${name}`);
    const decision = decideApproval({
      node,
      leased: lease !== undefined && !(this.#ended.has(name) && this.#ended.get(name) === lease.metadata.uid),
      guests: world.vmisOn(name).filter((vmi) => !isInstanceOver(vmi)).length,
      revokedForMs: nowMs - (this.#revokedMs.get(name) ?? nowMs),
      limitMs,
    });
    if (decision.kind === 'wait') return { requeueAfterMs: decision.retryInMs };
    await this.#apply(node, decision, lease?.metadata.uid);
    const { news, message } = decision;
    const type = news === 'MachineApproved' || news === 'MachinePending' ? 'Normal' : 'Warning';
    ledger.machine(node, { type, reason: news, action: 'Approve', message });
    log.info({ machine: name, reason: news }, message);
    return { requeueAfterMs: 0 };
  };

  async #apply(
    node: Node,
    { kind }: Exclude<ApprovalDecision, { kind: 'wait' }>,
    leaseUid: string | undefined,
  ): Promise<void> {
    const { client } = this.#deps;
    const { name } = node.metadata;
    switch (kind) {
      case 'taint':
        return this.#taint(node, (own) => [...own, { key: taints.pendingApproval, effect: 'NoSchedule' }]);
      case 'untaint':
        return this.#taint(node, (own) => own.filter(({ key }) => key !== taints.pendingApproval));
      case 'endLease':
        try {
          await client.delete(
            leases,
            { namespace: machineLeaseNamespace, name },
            leaseUid === undefined ? {} : { preconditions: { uid: leaseUid } },
          );
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        this.#ended.set(name, leaseUid);
    }
  }

  async #taint(node: Node, change: (own: readonly Taint[]) => readonly Taint[]): Promise<void> {
    const { client, world } = this.#deps;
    const { name, resourceVersion } = node.metadata;
    const patch = { metadata: { resourceVersion }, spec: { taints: taintsForPatch(change(node.spec?.taints ?? [])) } };
    try {
      world.nodes.wrote(await client.mergePatch<Node>(nodes, { name }, patch));
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) world.nodes.forget(name);
      throw error;
    }
  }
}

function facts({ metadata, spec }: Node): string {
  const tainted = spec?.taints?.some(({ key }) => key === taints.pendingApproval) === true;
  const { [labels.approved]: approved, [labels.pool]: pool } = metadata.labels ?? {};
  return JSON.stringify([approved, pool === undefined, tainted, metadata.deletionTimestamp]);
}
