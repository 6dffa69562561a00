// PUT: the whole object replaced. Some kinds must name the resourceVersion that they replace, and a few are created when
// they are not there.

import { invalid, notFound } from '../errors/status.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { storageKey, type Parts } from './parts.ts';
import { createObject, updateObject, type WriteTarget } from './write.ts';

const neverUnconditional = new Set([
  'apiextensions.k8s.io/customresourcedefinitions',
  'coordination.k8s.io/leases',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'apiregistration.k8s.io/apiservices',
  'policy/poddisruptionbudgets',
]);
const createdByPut = new Set([
  '/events',
  'events.k8s.io/events',
  '/endpoints',
  'coordination.k8s.io/leases',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
]);

export async function replaceObject(
  parts: Parts,
  target: WriteTarget,
  body: ApiObject,
  duplicates: readonly string[],
): Promise<{ object: ApiObject; created: boolean }> {
  const { resource, namespace, name, subresource } = target;
  const present = parts.store.get(storageKey(resource), namespace, name) !== undefined;
  if (!present && subresource === '' && createdByPut.has(pathOf(resource))) {
    const named = { ...body, metadata: { ...body.metadata, name: body.metadata?.name ?? name } };
    return { object: await createObject(parts, target, named, duplicates), created: true };
  }
  if (!present) throw notFound(resource, name);
  const object = await updateObject(parts, target, () => {
    checkVersion(target, body);
    return { next: body, duplicates };
  });
  return { object, created: false };
}

function checkVersion(target: WriteTarget, body: ApiObject): void {
  const { resource, name } = target;
  if (body.metadata?.resourceVersion || body.metadata?.uid) return;
  if (body.metadata?.name !== undefined && body.metadata.name !== name) return;
  if (!resource.custom && !neverUnconditional.has(pathOf(resource))) return;
  throw invalid({ group: resource.group, kind: resource.plural }, name, [
    {
      field: 'metadata.resourceVersion',
      reason: 'FieldValueInvalid',
      message: 'Invalid value: 0: must be specified for an update',
    },
  ]);
}

function pathOf(resource: ServedResource): string {
  return `${resource.group}/${resource.plural}`;
}
