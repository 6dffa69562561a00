// The eviction of a pod: admission first (that is how KubeVirt takes an eviction over), then disruption budgets, then a
// graceful deletion.

import { badRequest, failure, notFound, type Status } from '../errors/status.ts';
import { isObject } from '../patch/json-value.ts';
import type { ApiObject, ServedResource, User } from '../registry/types.ts';
import { deleteObject } from '../rest/delete.ts';
import { objectSelector } from '../rest/label-selector.ts';
import { deleteOptions } from '../rest/options.ts';
import { timestamp } from '../rest/metadata.ts';
import { storageKey, type Parts } from '../rest/parts.ts';

export interface Eviction {
  readonly resource: ServedResource;
  readonly namespace: string;
  readonly name: string;
  readonly user: User;
  readonly dryRun: boolean;
  readonly warnings: string[];
}

/** Kubernetes answers with it, and does not throw it: clients have to look into what they are told with a 201. */
const severalBudgets: Status = failure(
  500,
  undefined,
  'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
).status;

export async function evictPod(parts: Parts, eviction: Eviction, body: ApiObject): Promise<Status> {
  const { resource, namespace, name, user, warnings } = eviction;
  if (body.kind !== undefined && body.kind !== 'Eviction') throw badRequest(`expected an Eviction, got ${body.kind}`);
  const given = body.metadata?.name;
  if (given && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  const options = deleteOptions(
    new URLSearchParams(),
    isObject(body['deleteOptions']) ? body['deleteOptions'] : undefined,
  );
  const dryRun = eviction.dryRun || options.dryRun;
  const object: ApiObject = {
    ...body,
    kind: 'Eviction',
    apiVersion: body.apiVersion ?? 'policy/v1',
    metadata: { ...body.metadata, name, namespace },
  };
  const admission = {
    operation: 'CREATE' as const,
    resource,
    subresource: 'eviction',
    namespace,
    name,
    object,
    old: undefined,
    user,
    dryRun,
    warnings,
  };
  await parts.admission.mutate(admission);
  await parts.admission.validate(admission);
  const pod = parts.store.get(storageKey(resource), namespace, name);
  if (pod === undefined) throw notFound(resource, name);
  const budgets = isRunning(pod) ? budgetsOf(parts, pod) : [];
  if (budgets.length > 1) return severalBudgets;
  if (budgets[0] !== undefined) refuseByBudget(parts, pod, budgets[0]);
  if (!dryRun) markDisrupted(parts, resource, pod);
  await deleteObject(parts, { resource, namespace, name, user, options: { ...options, dryRun }, warnings });
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}

/** A pod that has ended or is on its way out is not protected. */
function isRunning(pod: ApiObject): boolean {
  const { phase } = (pod['status'] ?? {}) as { phase?: string };
  return (
    pod.metadata?.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed' && phase !== 'Pending'
  );
}

/** The condition by which others see that the pod was evicted and did not end by itself. */
function markDisrupted(parts: Parts, resource: ServedResource, pod: ApiObject): void {
  if (pod.metadata?.deletionTimestamp !== undefined) return;
  const status = (pod['status'] ?? {}) as { conditions?: readonly { type: string }[] };
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timestamp(parts.clock.now()),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  const conditions = [...(status.conditions ?? []).filter(({ type }) => type !== condition.type), condition];
  parts.store.put(storageKey(resource), { ...pod, status: { ...status, conditions } }, pod);
}

function budgetsOf(parts: Parts, { metadata }: ApiObject): ApiObject[] {
  return parts.store
    .list('policy/poddisruptionbudgets', metadata?.namespace ?? '')
    .filter((budget) => objectSelector(specOf(budget)['selector'])(metadata?.labels));
}

/** Counts the budget's pods itself: no controller keeps the status of budgets in the lab. */
function refuseByBudget(parts: Parts, pod: ApiObject, budget: ApiObject): void {
  const namespace = pod.metadata?.namespace ?? '';
  const spec = specOf(budget);
  const covered = parts.store
    .list('/pods', namespace)
    .filter((p) => objectSelector(spec['selector'])(p.metadata?.labels));
  const healthy = covered.filter(isReady).length;
  const wanted = desiredHealthy(spec, covered.length);
  if (!isReady(pod) || healthy - 1 >= wanted) return;
  const message = `The disruption budget ${budget.metadata?.name ?? ''} needs ${wanted} healthy pods and has ${healthy} currently`;
  throw failure(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
  });
}

function desiredHealthy(spec: Record<string, unknown>, expected: number): number {
  if (spec['minAvailable'] !== undefined) return share(spec['minAvailable'], expected);
  if (spec['maxUnavailable'] !== undefined) return Math.max(0, expected - share(spec['maxUnavailable'], expected));
  return 0;
}

/** A number, or a percentage rounded up. */
function share(value: unknown, total: number): number {
  return typeof value === 'string' ? Math.ceil((Number.parseFloat(value) / 100) * total) : Number(value);
}

function isReady(pod: ApiObject): boolean {
  const { conditions = [] } = (pod['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  const ready = conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return ready && pod.metadata?.deletionTimestamp === undefined;
}

function specOf(object: ApiObject): Record<string, unknown> {
  return (object['spec'] ?? {}) as Record<string, unknown>;
}
