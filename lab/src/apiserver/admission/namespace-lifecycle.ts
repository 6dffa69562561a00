// A namespace must exist to create something in it, and nothing new is created in one that is being deleted.

import { failure, notFound, qualified } from '../errors/status.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import type { Store } from '../storage/store.ts';

const namespaces = { group: '', plural: 'namespaces' };

export function refuseByNamespace(store: Store, request: AdmissionRequest): void {
  const { resource, namespace, name, operation } = request;
  if (operation !== 'CREATE' || !resource.namespaced) return;
  const found = store.get('/namespaces', '', namespace);
  if (found === undefined) throw notFound(namespaces, namespace);
  if (found.metadata?.deletionTimestamp === undefined) return;
  const what =
    name === ''
      ? qualified(resource.group, resource.plural)
      : `${qualified(resource.group, resource.plural)} "${name}"`;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw failure(403, 'Forbidden', `${what} is forbidden: ${why}`, {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  });
}
