// A Node as the control plane reads it, and the taints that the control plane itself sets on nodes.
// Names of taints and conditions: k8s.io/api/core/v1 well_known_taints.go and types.go.
import type { Condition, StoredMeta } from './meta.ts';

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: TaintEffect;
  readonly timeAdded?: string;
}

export interface Node {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: StoredMeta;
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: readonly Taint[] };
  readonly status?: {
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly capacity?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
  };
}

/** A node's heartbeat: a Lease of the node's name in the namespace kube-node-lease. */
export interface NodeLease {
  readonly metadata: StoredMeta;
  readonly spec?: { readonly renewTime?: string; readonly leaseDurationSeconds?: number };
}

export const NODE_LEASE_NAMESPACE = 'kube-node-lease';

export const TAINT = {
  notReady: 'node.kubernetes.io/not-ready',
  unreachable: 'node.kubernetes.io/unreachable',
  unschedulable: 'node.kubernetes.io/unschedulable',
  outOfService: 'node.kubernetes.io/out-of-service',
  memoryPressure: 'node.kubernetes.io/memory-pressure',
  diskPressure: 'node.kubernetes.io/disk-pressure',
  pidPressure: 'node.kubernetes.io/pid-pressure',
  networkUnavailable: 'node.kubernetes.io/network-unavailable',
} as const;

/** Two taints are the same entry of a node's list when key and effect agree; the value does not count. */
export function sameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}
