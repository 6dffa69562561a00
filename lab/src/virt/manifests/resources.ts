// The resource types and names that only KubeVirt's installation needs.
import type { ResourceType } from '@idlewild/operator/api/resources.ts';

export const kubeVirts: ResourceType = {
  group: 'kubevirt.io',
  version: 'v1',
  plural: 'kubevirts',
  kind: 'KubeVirt',
  namespaced: true,
};

export const KUBEVIRT_NAMESPACE = 'kubevirt';
/** The one KubeVirt object: the installation and its configuration. */
export const kubeVirtRef = { namespace: KUBEVIRT_NAMESPACE, name: 'kubevirt' } as const;
/** What is played, as virt-operator writes it into the status and virt-api answers it. */
export const PLAYED_VERSION = 'v1.9.0-idlewild-lab';
/** The Service by which the API server finds virt-api. */
export const VIRT_API_SERVICE = 'virt-api';
/** Served by virt-api itself, beside the custom resources of kubevirt.io. */
export const SUBRESOURCE_GROUP = 'subresources.kubevirt.io';
