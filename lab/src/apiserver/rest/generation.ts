// Which writes move metadata.generation: those that change what is wanted, for the kinds that count it.

import { jsonEqual } from '../patch/json-value.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';

/** Built-in kinds that have a generation at all. */
const counted = new Set([
  '/pods',
  'policy/poddisruptionbudgets',
  'apiextensions.k8s.io/customresourcedefinitions',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'networking.k8s.io/networkpolicies',
  'scheduling.k8s.io/priorityclasses',
  'apps/deployments',
  'apps/daemonsets',
  'apps/statefulsets',
  'apps/replicasets',
  'batch/jobs',
]);

export function hasGeneration(resource: ServedResource): boolean {
  return resource.custom || counted.has(`${resource.group}/${resource.plural}`);
}

export function generationOf(
  resource: ServedResource,
  next: ApiObject,
  old: ApiObject | undefined,
): number | undefined {
  if (!hasGeneration(resource)) return undefined;
  const before = old?.metadata?.generation ?? 0;
  if (old === undefined) return 1;
  return (resource.bumpsGeneration?.(next, old) ?? wantsElse(resource, next, old)) ? before + 1 : before;
}

function wantsElse(resource: ServedResource, next: ApiObject, old: ApiObject): boolean {
  const wanted = (object: ApiObject): ApiObject => {
    const { metadata: _metadata, apiVersion: _version, kind: _kind, ...rest } = object;
    if (resource.statusSubresource) delete rest['status'];
    return rest;
  };
  return !jsonEqual(wanted(next), wanted(old));
}
