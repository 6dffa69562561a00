// Deleting objects: preconditions, grace, finalizers and propagation, as the generic registry of Kubernetes does it. An
// object that something still holds is only marked; it goes when the last finalizer does.

import { markedDefinition } from '../crd/lifecycle.ts';
import { badRequest, conflict, detailsOf, forbidden, notFound, type Status } from '../errors/status.ts';
import type { ApiObject, ObjectMeta, ServedResource, User } from '../registry/types.ts';
import { StaleWrite } from '../storage/store.ts';
import { hasGeneration } from './generation.ts';
import { timestamp } from './metadata.ts';
import type { DeleteOptions } from './options.ts';
import { inVersion, storageKey, toStored, type Parts } from './parts.ts';

export interface DeleteTarget {
  readonly resource: ServedResource;
  readonly namespace: string;
  readonly name: string;
  readonly user: User;
  readonly options: DeleteOptions;
  readonly warnings: string[];
}

/** Kinds whose deletion answers the object and not a Status. */
const answeredByObject = new Set([
  '/pods',
  '/services',
  '/serviceaccounts',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/resourcequotas',
]);
const immortalNamespaces = ['default', 'kube-system', 'kube-public'];
const defaultPodGraceSeconds = 30;
const mostAttempts = 8;

/** Answers the marked object, or when it is gone the Status (for some kinds the last state). Throws 404, 409 and refusals. */
export async function deleteObject(parts: Parts, target: DeleteTarget): Promise<ApiObject | Status> {
  const { resource, namespace, name, options } = target;
  for (let attempt = 1; ; attempt += 1) {
    const stored = parts.store.get(storageKey(resource), namespace, name);
    if (stored === undefined) throw notFound(resource, name);
    const live = inVersion(resource, stored);
    checkPreconditions(resource, live, options);
    await admit(parts, target, live);
    const marked = marks(parts, resource, live, options);
    if (options.dryRun) return marked === 'gone' ? goneAnswer(resource, live) : (marked ?? live);
    if (marked === undefined) return live;
    try {
      if (marked !== 'gone')
        return inVersion(resource, parts.store.put(storageKey(resource), toStored(resource, marked), stored));
      parts.store.remove(storageKey(resource), stored);
      return goneAnswer(resource, withMarks(parts, live, 0));
    } catch (error) {
      if (!(error instanceof StaleWrite)) throw error;
      if (attempt >= mostAttempts || options.resourceVersion !== undefined) throw conflict(resource, name);
    }
  }
}

async function admit(parts: Parts, target: DeleteTarget, live: ApiObject): Promise<void> {
  const { resource, name } = target;
  if (isNamespace(resource) && immortalNamespaces.includes(name)) {
    throw forbidden(resource, name, 'this namespace may not be deleted');
  }
  const admission = {
    operation: 'DELETE' as const,
    resource,
    subresource: '',
    namespace: target.namespace,
    name,
    object: undefined,
    old: live,
    user: target.user,
    dryRun: target.options.dryRun,
    warnings: target.warnings,
  };
  await parts.admission.mutate(admission);
  await parts.admission.validate(admission);
}

function checkPreconditions(resource: ServedResource, live: ApiObject, options: DeleteOptions): void {
  const { uid = '', resourceVersion = '', name = '' } = live.metadata ?? {};
  const named = { group: resource.group, plural: resource.kind };
  if (options.uid !== undefined && options.uid !== uid) {
    const why = `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(named, name, why);
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw conflict(named, name, why);
  }
}

/** The object as this deletion leaves it; 'gone' if nothing holds it, undefined if it changes nothing. */
function marks(
  parts: Parts,
  resource: ServedResource,
  live: ApiObject,
  options: DeleteOptions,
): ApiObject | 'gone' | undefined {
  const metadata = live.metadata ?? {};
  if (isNamespace(resource)) return namespaceMarks(parts, live);
  if (isDefinition(resource) && metadata.deletionTimestamp === undefined) {
    return markedDefinition(live, timestamp(parts.clock.now()));
  }
  const grace = graceOf(resource, live, options);
  if (grace !== undefined && grace > 0) {
    if (metadata.deletionTimestamp === undefined) return withMarks(parts, live, grace, hasGeneration(resource));
    const left = metadata.deletionGracePeriodSeconds ?? 0;
    // A second deletion may only shorten the grace.
    if (options.gracePeriodSeconds === undefined || grace >= left) return undefined;
    return withMarks(parts, live, grace);
  }
  const finalizers = finalizersOf(metadata, options);
  if (finalizers.length === 0) return 'gone';
  const before = metadata.finalizers ?? [];
  const same = finalizers.length === before.length && finalizers.every((f) => before.includes(f));
  if (metadata.deletionTimestamp !== undefined && same && (metadata.deletionGracePeriodSeconds ?? 0) === 0)
    return undefined;
  const fresh = metadata.deletionTimestamp === undefined && hasGeneration(resource);
  const marked = withMarks(parts, live, 0, fresh);
  return { ...marked, metadata: { ...marked.metadata, finalizers } };
}

function namespaceMarks(parts: Parts, live: ApiObject): ApiObject | 'gone' | undefined {
  const spec = (live['spec'] ?? {}) as { finalizers?: string[] };
  if (live.metadata?.deletionTimestamp !== undefined) {
    const held = (spec.finalizers ?? []).length + (live.metadata.finalizers ?? []).length;
    return held > 0 ? undefined : 'gone';
  }
  const deletionTimestamp = timestamp(parts.clock.now());
  const status = { ...(live['status'] as object | undefined), phase: 'Terminating' };
  return { ...live, metadata: { ...live.metadata, deletionTimestamp }, status };
}

function withMarks(parts: Parts, live: ApiObject, graceSeconds: number, counts = false): ApiObject {
  const metadata: ObjectMeta = { ...live.metadata };
  metadata.deletionTimestamp = timestamp(parts.clock.now() + graceSeconds * 1000);
  metadata.deletionGracePeriodSeconds = graceSeconds;
  if (counts) metadata.generation = (metadata.generation ?? 0) + 1;
  return { ...live, metadata };
}

/** Undefined for kinds that go at once. A pod that no kubelet runs has nothing to stop. */
function graceOf(resource: ServedResource, live: ApiObject, options: DeleteOptions): number | undefined {
  if (resource.gracePeriodSeconds !== undefined) {
    const own = resource.gracePeriodSeconds(live);
    return own === undefined || own === 0 ? own : (options.gracePeriodSeconds ?? own);
  }
  if (resource.group !== '' || resource.plural !== 'pods') return undefined;
  const spec = (live['spec'] ?? {}) as { nodeName?: string; terminationGracePeriodSeconds?: number };
  const status = (live['status'] ?? {}) as { phase?: string };
  if (!spec.nodeName || status.phase === 'Failed' || status.phase === 'Succeeded') return 0;
  return options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? defaultPodGraceSeconds;
}

function finalizersOf(metadata: ObjectMeta, options: DeleteOptions): string[] {
  const own = (metadata.finalizers ?? []).filter((f) => f !== 'orphan' && f !== 'foregroundDeletion');
  switch (options.propagationPolicy) {
    case undefined:
      return [...own, ...(metadata.finalizers ?? []).filter((f) => f === 'orphan' || f === 'foregroundDeletion')];
    case 'Background':
      return own;
    case 'Foreground':
      return [...own, 'foregroundDeletion'];
    case 'Orphan':
      return [...own, 'orphan'];
  }
}

function goneAnswer(resource: ServedResource, last: ApiObject): ApiObject | Status {
  if (answeredByObject.has(`${resource.group}/${resource.plural}`)) return last;
  const { name, uid } = last.metadata ?? {};
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...detailsOf(resource.group, resource.plural, name), ...(uid === undefined ? {} : { uid }) },
  };
}

function isDefinition(resource: ServedResource): boolean {
  return resource.group === 'apiextensions.k8s.io' && resource.plural === 'customresourcedefinitions';
}

function isNamespace(resource: ServedResource): boolean {
  return resource.group === '' && resource.plural === 'namespaces';
}

/** Deletes each object; those that vanished meanwhile do not matter. */
export async function deleteAll(
  parts: Parts,
  objects: readonly ApiObject[],
  target: Omit<DeleteTarget, 'namespace' | 'name'>,
): Promise<void> {
  if (target.options.uid !== undefined) throw badRequest('preconditions are not allowed for a collection');
  for (const object of objects) {
    const { namespace = '', name = '' } = object.metadata ?? {};
    const { resource } = target;
    if (parts.store.get(storageKey(resource), namespace, name) === undefined) continue;
    await deleteObject(parts, { ...target, namespace, name });
  }
}
