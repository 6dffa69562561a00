// The roles and bindings that every cluster has from its first start: cluster-admin, the aggregated admin, edit and
// view, what everybody may read, and what kubelets and the control plane need. Only kinds that the lab serves are named.
import type { ApiObject } from '../registry/types.ts';

const api = 'rbac.authorization.k8s.io';
const apiVersion = `${api}/v1`;
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];

function on(apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]): Rule {
  return { apiGroups, resources, verbs };
}

function role(name: string, rules: readonly Rule[], aggregateTo?: string): ApiObject {
  const extra = aggregateTo === undefined ? {} : { [`${api}/aggregate-to-${aggregateTo}`]: 'true' };
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata: { name, labels: { ...labels, ...extra }, annotations: { ...annotations } },
    rules,
  };
}

function aggregated(name: string): ApiObject {
  const clusterRoleSelectors = [{ matchLabels: { [`${api}/aggregate-to-${name}`]: 'true' } }];
  const own =
    name === 'view'
      ? { [`${api}/aggregate-to-edit`]: 'true' }
      : name === 'edit'
        ? { [`${api}/aggregate-to-admin`]: 'true' }
        : {};
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata: { name, labels: { ...labels, ...own }, annotations: { ...annotations } },
    aggregationRule: { clusterRoleSelectors },
    rules: [],
  };
}

function bind(name: string, subjects: readonly (readonly ['User' | 'Group', string])[], roleName = name): ApiObject {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels: { ...labels }, annotations: { ...annotations } },
    roleRef: { apiGroup: api, kind: 'ClusterRole', name: roleName },
    subjects: subjects.map(([kind, subject]) => ({ apiGroup: api, kind, name: subject })),
  };
}

const health = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const discovery = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
];
const plainKinds = ['configmaps', 'endpoints', 'persistentvolumeclaims', 'pods', 'serviceaccounts', 'services'];
const events = on(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']);

const viewRules: readonly Rule[] = [
  on(
    [''],
    [
      ...plainKinds,
      'events',
      'namespaces',
      'pods/log',
      'pods/status',
      'persistentvolumeclaims/status',
      'services/status',
    ],
    read,
  ),
  on(['discovery.k8s.io'], ['endpointslices'], read),
  on(['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status'], read),
  on(['networking.k8s.io'], ['networkpolicies'], read),
  on(['events.k8s.io'], ['events'], read),
];

const editRules: readonly Rule[] = [
  on([''], [...plainKinds, 'secrets', 'events'], write),
  on([''], ['secrets'], read),
  on([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  on([''], ['serviceaccounts'], ['impersonate']),
  on(['coordination.k8s.io'], ['leases'], [...read, ...write]),
  on(['policy'], ['poddisruptionbudgets'], write),
  on(['networking.k8s.io'], ['networkpolicies'], write),
];

const adminRules: readonly Rule[] = [
  on([api], ['roles', 'rolebindings'], [...read, ...write]),
  on(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
];

const nodeRules: readonly Rule[] = [
  on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  on(['authorization.k8s.io'], ['localsubjectaccessreviews', 'subjectaccessreviews'], ['create']),
  on([''], ['nodes'], ['create', ...read, 'patch', 'update']),
  on([''], ['nodes/status'], ['patch', 'update']),
  events,
  on([''], ['pods'], [...read, 'create', 'delete']),
  on([''], ['pods/status'], ['patch', 'update']),
  on([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  on([''], ['configmaps', 'secrets', 'services', 'persistentvolumeclaims'], read),
  on(['coordination.k8s.io'], ['leases'], ['create', 'delete', 'get', 'patch', 'update']),
];

const schedulerRules: readonly Rule[] = [
  events,
  on(['coordination.k8s.io'], ['leases'], ['create', ...read, 'patch', 'update']),
  on([''], ['nodes', 'namespaces', 'persistentvolumeclaims', 'services'], read),
  on([''], ['pods'], ['delete', ...read]),
  on([''], ['pods/binding'], ['create']),
  on([''], ['pods/status'], ['patch', 'update']),
  on(['policy'], ['poddisruptionbudgets'], read),
];

const controllerRules: readonly Rule[] = [
  events,
  on(['coordination.k8s.io'], ['leases'], [...read, 'create', 'delete', 'patch', 'update']),
  on(['*'], ['*'], [...read, 'delete', 'deletecollection', 'patch', 'update']),
  on([''], ['serviceaccounts', 'secrets', 'configmaps', 'endpoints'], ['create']),
  on([''], ['serviceaccounts/token'], ['create']),
  on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  on(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
];

/** To be created at start where they are missing. */
export const bootstrapRbac: readonly ApiObject[] = [
  role('cluster-admin', [on(['*'], ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }]),
  aggregated('admin'),
  aggregated('edit'),
  aggregated('view'),
  role('system:aggregate-to-admin', adminRules, 'admin'),
  role('system:aggregate-to-edit', editRules, 'edit'),
  role('system:aggregate-to-view', viewRules, 'view'),
  role('system:discovery', [{ nonResourceURLs: discovery, verbs: ['get'] }]),
  role('system:public-info-viewer', [{ nonResourceURLs: health, verbs: ['get'] }]),
  role('system:basic-user', [
    on(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    on(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ]),
  role('system:auth-delegator', [
    on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
    on(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  ]),
  role('system:monitoring', [
    {
      nonResourceURLs: ['/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/readyz', '/readyz/*'],
      verbs: ['get'],
    },
  ]),
  role('system:node', nodeRules),
  role('system:kube-scheduler', schedulerRules),
  role('system:kube-controller-manager', controllerRules),
  bind('cluster-admin', [['Group', 'system:masters']]),
  bind('system:discovery', [['Group', 'system:authenticated']]),
  bind('system:basic-user', [['Group', 'system:authenticated']]),
  bind('system:public-info-viewer', [
    ['Group', 'system:authenticated'],
    ['Group', 'system:unauthenticated'],
  ]),
  bind('system:monitoring', [['Group', 'system:monitoring']]),
  // A full cluster leaves this one empty and lets the Node authorizer decide; here the role is all that there is.
  bind('system:node', [['Group', 'system:nodes']]),
  bind('system:kube-scheduler', [['User', 'system:kube-scheduler']]),
  bind('system:kube-controller-manager', [['User', 'system:kube-controller-manager']]),
];
