// The request of a write as webhooks and policies see it (AdmissionReview of admission.k8s.io/v1). Pure but for the uid.
import { randomUUID } from 'node:crypto';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { inVersion, toStored, type AdmissionRequest } from '../rest/parts.ts';

/** An object of the resource in another version of it; the object itself where the versions are one or it is another kind. */
export function converted<T extends ApiObject | undefined>(object: T, from: ServedResource, to: ServedResource): T {
  if (from === to || object === undefined || object.kind !== from.kind) return object;
  return inVersion(to, toStored(from, object)) as T;
}

/** What a webhook is sent, and what expressions see as `request`. */
export function reviewOf(
  request: AdmissionRequest,
  as: ServedResource,
): {
  readonly request: { readonly uid: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
} {
  const { resource, operation, subresource, namespace, name, object, old, user, dryRun } = request;
  const kindOf = (of: ServedResource) => ({ group: of.group, version: of.version, kind: of.kind });
  const pluralOf = (of: ServedResource) => ({ group: of.group, version: of.version, resource: of.plural });
  const [objectGroup, objectVersion] = groupAndVersion(object?.apiVersion);
  const own = object?.kind !== undefined && object.kind !== resource.kind;
  const ownKind = own ? { group: objectGroup, version: objectVersion, kind: object.kind } : undefined;
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: randomUUID(),
      kind: ownKind ?? kindOf(as),
      resource: pluralOf(as),
      ...(subresource === '' ? {} : { subResource: subresource }),
      requestKind: ownKind ?? kindOf(resource),
      requestResource: pluralOf(resource),
      ...(subresource === '' ? {} : { requestSubResource: subresource }),
      name,
      ...(resource.namespaced ? { namespace } : {}),
      operation,
      userInfo: {
        username: user.name,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        groups: user.groups,
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      },
      object: object ?? null,
      oldObject: old ?? null,
      dryRun,
      options: null,
    },
  };
}

function groupAndVersion(apiVersion: string | undefined): [string, string] {
  const parts = (apiVersion ?? '').split('/');
  return parts.length === 1 ? ['', parts[0] ?? ''] : [parts[0] ?? '', parts[1] ?? ''];
}
