// Builders of pods and nodes for tests: the shortest way to say what matters in a case.
import type { Condition } from './meta.ts';
import type { Node, Taint } from './node.ts';
import type { Pod, PodSpec } from './pod.ts';

/** A pod `name` in the namespace `lab` that asks for nothing, with the given parts of its spec, metadata and status. */
export function aPod(
  name: string,
  spec: Partial<PodSpec> = {},
  rest: { readonly metadata?: Partial<Pod['metadata']>; readonly status?: NonNullable<Pod['status']> } = {},
): Pod {
  return {
    metadata: {
      name,
      namespace: 'lab',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...rest.metadata,
    },
    spec: { containers: [{ name: 'main' }], ...spec },
    status: { phase: 'Pending', ...rest.status },
  };
}

/** A container list that asks for CPU and memory. */
export function asking(requests: Readonly<Record<string, string>>): Pick<PodSpec, 'containers'> {
  return { containers: [{ name: 'main', resources: { requests } }] };
}

/** A node with 4 CPUs, 3 GiB and 110 pods that is ready, with further labels, taints and allocatable resources. */
export function aNode(
  name: string,
  parts: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly taints?: readonly Taint[];
    readonly unschedulable?: boolean;
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
  } = {},
): Node {
  const { labels, taints, unschedulable, allocatable, conditions } = parts;
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec: { ...(taints ? { taints } : {}), ...(unschedulable === undefined ? {} : { unschedulable }) },
    status: {
      allocatable: { cpu: '4', memory: '3Gi', pods: '110', ...allocatable },
      conditions: conditions ?? [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  };
}
