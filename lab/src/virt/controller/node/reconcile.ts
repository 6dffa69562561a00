// Nodes without a heartbeat: carries out what decide.ts says.
import { nodes, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { wholeSeconds } from '../../../model/meta.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import type { ControllerDeps } from '../deps.ts';
import { podsOf } from '../vmi/reconcile.ts';
import { writeDifference } from '../write.ts';
import { SCHEDULABLE_LABEL, decideNode } from './decide.ts';

export const UNRESPONSIVE = 'NodeUnresponsive';

export function nodeReconciler(deps: ControllerDeps) {
  return async (name: string): Promise<{ requeueAfterMs?: number } | undefined> => {
    const { client, clock, watches } = deps;
    const node = watches.nodes.store.get(name);
    const vmis = watches.vmis.store.byIndex('node', name);
    const now = clock.now();
    const decision = decideNode(node, name, vmis, (vmi) => podsOf(deps, vmi.metadata.uid), now);
    if (decision.setUnschedulable && node) {
      await client.mergePatch(nodes, { name }, { metadata: { labels: { [SCHEDULABLE_LABEL]: 'false' } } });
      const message = 'virt-handler is not responsive, marking node as unresponsive';
      const regarding = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid };
      deps.events.event(regarding, { type: 'Warning', reason: UNRESPONSIVE, action: UNRESPONSIVE, message });
    }
    for (const vmi of decision.failed) await failed(deps, vmi, now);
    return decision.requeueAfterMs === undefined ? undefined : { requeueAfterMs: decision.requeueAfterMs };
  };
}

async function failed(deps: ControllerDeps, vmi: VirtualMachineInstance, now: number): Promise<void> {
  const times = vmi.status?.phaseTransitionTimestamps ?? [];
  const entry = { phase: 'Failed', phaseTransitionTimestamp: wholeSeconds(now) };
  const status = {
    ...vmi.status,
    phase: 'Failed' as const,
    reason: UNRESPONSIVE,
    phaseTransitionTimestamps: [...times, entry],
  };
  await writeDifference(deps.client, virtualMachineInstances, vmi, { ...vmi, status });
}
