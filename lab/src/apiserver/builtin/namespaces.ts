// Namespaces: the name label, the phase, and the `kubernetes` finalizer that keeps one alive until it is empty.
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { asRecord, asString, member } from '../schema/json.ts';
import { ageColumn, allVerbs, defineKind, takeOver, textAt } from './kind.ts';

function labelled(namespace: ApiObject): void {
  const { metadata } = namespace;
  if (metadata?.name !== undefined)
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
}

export const namespaces: ServedResource = defineKind({
  group: '',
  plural: 'namespaces',
  kind: 'Namespace',
  definition: 'io.k8s.api.core.v1.Namespace',
  namespaced: false,
  shortNames: ['ns'],
  verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
  status: true,
  subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
  columns: [
    { name: 'Status', type: 'string', value: (namespace) => asString(member(namespace, 'status', 'phase')) },
    ageColumn,
  ],
  fields: { 'status.phase': textAt('status.phase') },
  prepareCreate(namespace) {
    labelled(namespace);
    namespace['spec'] = { ...asRecord(namespace['spec']), finalizers: ['kubernetes'] };
    namespace['status'] = { phase: 'Active' };
  },
  prepareUpdate(next, old, context) {
    labelled(next);
    if (context.subresource !== 'finalize') takeOver(next, old, 'spec');
  },
});
