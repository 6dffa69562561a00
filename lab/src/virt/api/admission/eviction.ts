// Evictions of launcher pods: instead of killing the guest, the instance is marked and the request is refused for now, so that a drain
// asks again until the guest has moved. Pure.
// Facts: KubeVirt pkg/virt-api/webhooks/validating-webhook/admitters/pod-eviction-admitter.go and recorded answers.
import { conditionOf } from '../../../model/meta.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import { isDown, type LauncherPod } from '../../model/launcher-pod.ts';
import type { Verdict } from './verdict.ts';

export interface EvictionDecision {
  readonly verdict: Verdict;
  /** status.evacuationNodeName to be set before the answer is given. */
  readonly mark?: string;
}

/** @param vmi the instance that the pod was made for; undefined when there is none. */
export function decideEviction(
  pod: LauncherPod | undefined,
  vmi: VirtualMachineInstance | undefined,
): EvictionDecision {
  const allowed: EvictionDecision = { verdict: { kind: 'allowed' } };
  if (!pod || !vmi || isDown(pod)) return allowed;
  const refuse = (message: string): Verdict => ({ kind: 'denied', code: 429, message });
  const node = vmi.status?.nodeName;
  const triggered = `Eviction triggered evacuation of VMI "${vmi.metadata.namespace ?? ''}/${vmi.metadata.name}"`;
  const strategy = vmi.spec.evictionStrategy ?? 'None';
  const migratable = conditionOf(vmi.status?.conditions, 'LiveMigratable')?.status === 'True';
  if (vmi.status?.evacuationNodeName) return { verdict: refuse(`Evacuation in progress: ${triggered}`) };
  if (!node || node !== pod.spec.nodeName) return { verdict: refuse('Eviction request for target Pod') };
  switch (strategy) {
    case 'None':
      return allowed;
    case 'External':
      return { verdict: refuse(triggered), mark: node };
    case 'LiveMigrateIfPossible':
      return migratable ? { verdict: refuse(triggered), mark: node } : allowed;
    case 'LiveMigrate':
      if (migratable) return { verdict: refuse(triggered), mark: node };
      return {
        verdict: refuse(`VMI ${vmi.metadata.name} is configured with an eviction strategy but is not live-migratable`),
      };
  }
}
