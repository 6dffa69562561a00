// Why a job cannot have the network that it asks for (yet), in words.
// Promises: pure; each sentence says who can do what about it.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Namespace } from '../api/kubernetes.ts';
import { labels } from '../model/names.ts';
import { networkPolicyName } from '../render/network-policy.ts';
import type { NetworkReason } from '../model/reasons.ts';

export type NetworkObstacle =
  /** Only for a moment: nobody is told. */
  { readonly kind: 'busy' } | { readonly kind: 'network'; readonly reason: NetworkReason; readonly message: string };

export interface NetworkState {
  /** Undefined while nobody has told of it. */
  readonly namespace: Namespace | undefined;
  readonly isolated: boolean;
  /** Why the policy could not be made, in words. */
  readonly failure: string | undefined;
}

export function obstacleOf({ spec }: ComputeJob, state: NetworkState): NetworkObstacle | undefined {
  switch (spec.network) {
    case 'None':
      return undefined;
    case 'Open': {
      if (!state.namespace) return { kind: 'busy' };
      const { name, labels: own } = state.namespace.metadata;
      if (own?.[labels.allowOpenNetwork] === 'true') return undefined;
      const next = `an admin can allow it: kubectl label namespace ${name} ${labels.allowOpenNetwork}=true`;
      const message = `spec.network is Open, which namespace ${name} is not allowed; ${next}`;
      return { kind: 'network', reason: 'NetworkNotAllowed', message };
    }
    case 'Isolated': {
      if (state.isolated) return undefined;
      if (state.failure === undefined) return { kind: 'busy' };
      const what = `the NetworkPolicy "${networkPolicyName}" that isolates its guest is not in place`;
      const next = 'the operator tries again; ask the lab’s admin if it stays so';
      return { kind: 'network', reason: 'NetworkNotReady', message: `${what}: ${state.failure}; ${next}` };
    }
  }
}

/**
 * The same answers, each asked for once: nothing of a job but its namespace and the network that it asks for has to do with
 * them. For a moment in which nothing changes, as a line of thousands of jobs is of few namespaces.
 */
export function oncePerNamespace(
  ask: (job: ComputeJob) => NetworkObstacle | undefined,
): (job: ComputeJob) => NetworkObstacle | undefined {
  const answers: Record<Network, Map<string, NetworkObstacle | undefined>> = {
    None: new Map(),
    Isolated: new Map(),
    Open: new Map(),
  };
  return (job) => {
    const known = answers[job.spec.network];
    const { namespace = '' } = job.metadata;
    if (known.has(namespace)) return known.get(namespace);
    const answer = ask(job);
    known.set(namespace, answer);
    return answer;
  };
}

type Network = ComputeJob['spec']['network'];
