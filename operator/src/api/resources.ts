// The resource types that the operator and the lab talk to, as the API server's paths spell them.
// Promises: one constant per type, used by every client call. Must not hold behaviour.

export interface ResourceType {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const cluster = (group: string, version: string, plural: string, kind: string): ResourceType => ({
  group,
  version,
  plural,
  kind,
  namespaced: false,
});
const namespaced = (group: string, version: string, plural: string, kind: string): ResourceType => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});

export const computeJobs = namespaced('idlewild.dev', 'v1alpha1', 'computejobs', 'ComputeJob');

export const namespaces = cluster('', 'v1', 'namespaces', 'Namespace');
export const nodes = cluster('', 'v1', 'nodes', 'Node');
export const pods = namespaced('', 'v1', 'pods', 'Pod');
/** What a metrics server has measured of a pod; served only where there is one. */
export const podMetrics = namespaced('metrics.k8s.io', 'v1beta1', 'pods', 'PodMetrics');
export const secrets = namespaced('', 'v1', 'secrets', 'Secret');
export const configMaps = namespaced('', 'v1', 'configmaps', 'ConfigMap');
export const services = namespaced('', 'v1', 'services', 'Service');
export const serviceAccounts = namespaced('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const events = namespaced('events.k8s.io', 'v1', 'events', 'Event');
/** Stores the same objects as `events`, in the older shape that kubectl describe reads. */
export const coreEvents = namespaced('', 'v1', 'events', 'Event');
export const leases = namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const controllerRevisions = namespaced('apps', 'v1', 'controllerrevisions', 'ControllerRevision');
export const podDisruptionBudgets = namespaced('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const networkPolicies = namespaced('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy');
export const priorityClasses = cluster('scheduling.k8s.io', 'v1', 'priorityclasses', 'PriorityClass');
export const clusterRoles = cluster('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole');
export const clusterRoleBindings = cluster(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
);
export const roles = namespaced('rbac.authorization.k8s.io', 'v1', 'roles', 'Role');
export const roleBindings = namespaced('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding');
export const tokenReviews = cluster('authentication.k8s.io', 'v1', 'tokenreviews', 'TokenReview');
export const subjectAccessReviews = cluster(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
);
export const customResourceDefinitions = cluster(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
);
export const apiServices = cluster('apiregistration.k8s.io', 'v1', 'apiservices', 'APIService');
export const validatingWebhookConfigurations = cluster(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
);
export const validatingAdmissionPolicies = cluster(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicies',
  'ValidatingAdmissionPolicy',
);
export const validatingAdmissionPolicyBindings = cluster(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
);
export const mutatingWebhookConfigurations = cluster(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingwebhookconfigurations',
  'MutatingWebhookConfiguration',
);

export const virtualMachines = namespaced('kubevirt.io', 'v1', 'virtualmachines', 'VirtualMachine');
export const virtualMachineInstances = namespaced(
  'kubevirt.io',
  'v1',
  'virtualmachineinstances',
  'VirtualMachineInstance',
);
export const virtualMachineInstanceMigrations = namespaced(
  'kubevirt.io',
  'v1',
  'virtualmachineinstancemigrations',
  'VirtualMachineInstanceMigration',
);
/** Served by virt-api beside the custom resources: only for paths of subresources (pause, vnc, console ...). */
export const virtualMachineInstanceSubresources = namespaced(
  'subresources.kubevirt.io',
  'v1',
  'virtualmachineinstances',
  'VirtualMachineInstance',
);
export const virtualMachineSubresources = namespaced(
  'subresources.kubevirt.io',
  'v1',
  'virtualmachines',
  'VirtualMachine',
);
