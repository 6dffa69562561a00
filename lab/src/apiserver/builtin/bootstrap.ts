// What a fresh cluster holds before anybody writes to it: the four namespaces, the system priority classes and the RBAC
// defaults. Objects without server-set metadata, to be created where they are missing.
import { bootstrapRbac } from '../auth/bootstrap.ts';
import type { ApiObject } from '../registry/types.ts';

function namespace(name: string): ApiObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function priorityClass(name: string, value: number, description: string): ApiObject {
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description,
    preemptionPolicy: 'PreemptLowerPriority',
  };
}

export const bootstrapObjects: readonly ApiObject[] = [
  ...['default', 'kube-system', 'kube-public', 'kube-node-lease'].map(namespace),
  priorityClass('system-cluster-critical', 2_000_000_000, 'For system pods that must run somewhere in the cluster.'),
  priorityClass('system-node-critical', 2_000_001_000, 'For system pods that must not be moved from their node.'),
  ...bootstrapRbac,
];
