// What the server fills into new pods and nodes, as Kubernetes' own admission does: service account, priority, the two
// tolerations that give a lost node five minutes; and the not-ready taint of a node that nobody has looked at yet.

import { forbidden } from '../errors/status.ts';
import type { ApiObject } from '../registry/types.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import type { Store } from '../storage/store.ts';

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}

const tolerationSeconds = 300;
const lostNodeTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const systemPriorities: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

export function defaultPod(store: Store, pod: ApiObject): ApiObject {
  const spec = { ...(pod['spec'] as Record<string, unknown> | undefined) };
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'] ?? 'default';
  spec['serviceAccountName'] = account;
  spec['serviceAccount'] = account;
  const tolerations = (spec['tolerations'] ?? []) as Toleration[];
  const missing = lostNodeTaints.filter((key) => !tolerations.some((t) => tolerates(t, key)));
  spec['tolerations'] = [
    ...tolerations,
    ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds })),
  ];
  const name = spec['priorityClassName'];
  spec['priority'] = typeof name === 'string' && name !== '' ? (priorityOf(store, name) ?? 0) : 0;
  spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
  return { ...pod, spec };
}

/** A controller makes the default account a moment after its namespace: this often, this many ms apart, it is looked for. */
const accountLooks = 10;
const accountWaitMs = 150;

/** Throws a 403 for a pod that names a service account or priority class that is not there. */
export async function refusePod(store: Store, request: AdmissionRequest, pod: ApiObject): Promise<void> {
  const { resource, operation, subresource, namespace, name } = request;
  if (operation !== 'CREATE' || subresource !== '' || resource.group !== '' || resource.plural !== 'pods') return;
  const spec = (pod['spec'] ?? {}) as { serviceAccountName?: string; priorityClassName?: string };
  const account = spec.serviceAccountName ?? 'default';
  const there = (): boolean => store.get('/serviceaccounts', namespace, account) !== undefined;
  for (let look = 1; account === 'default' && !there() && look < accountLooks; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, accountWaitMs));
  }
  if (!there()) {
    const why = `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`;
    throw forbidden(resource, name, why);
  }
  const priority = spec.priorityClassName;
  if (priority && priorityOf(store, priority) === undefined) {
    throw forbidden(resource, name, `no PriorityClass with name ${priority} was found`);
  }
}

export function defaultNode(node: ApiObject): ApiObject {
  const spec = (node['spec'] ?? {}) as { taints?: { key: string; effect: string }[] };
  const key = 'node.kubernetes.io/not-ready';
  const taints = spec.taints ?? [];
  if (taints.some((taint) => taint.key === key && taint.effect === 'NoSchedule')) return node;
  return { ...node, spec: { ...spec, taints: [...taints, { key, effect: 'NoSchedule' }] } };
}

function tolerates(toleration: Toleration, key: string): boolean {
  const effect = toleration.effect ?? '';
  const sameKey = toleration.key === key || (!toleration.key && toleration.operator === 'Exists');
  return sameKey && (effect === '' || effect === 'NoExecute');
}

function priorityOf(store: Store, name: string): number | undefined {
  const value = store.get('scheduling.k8s.io/priorityclasses', '', name)?.['value'];
  return typeof value === 'number' ? value : systemPriorities[name];
}
