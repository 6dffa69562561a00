// Persistent volume claims: kept so that a virtual machine may name one. Nothing provisions them in the lab, so a
// claim stays Pending, which is what a cluster without a provisioner shows.
import type { ServedResource } from '../registry/types.ts';
import { asArray, asString, member } from '../schema/json.ts';
import { ageColumn, defineKind } from './kind.ts';

export const persistentVolumeClaims: ServedResource = defineKind({
  group: '',
  plural: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  definition: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  namespaced: true,
  shortNames: ['pvc'],
  status: true,
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Volume', type: 'string', value: (claim) => asString(member(claim, 'spec', 'volumeName')) },
    { name: 'Capacity', type: 'string', value: (claim) => asString(member(claim, 'status', 'capacity', 'storage')) },
    {
      name: 'Access Modes',
      type: 'string',
      value: (claim) => asArray(member(claim, 'status', 'accessModes')).join(','),
    },
    { name: 'StorageClass', type: 'string', value: (claim) => asString(member(claim, 'spec', 'storageClassName')) },
    ageColumn,
  ],
  prepareCreate(claim) {
    claim['status'] = { phase: 'Pending' };
  },
});
