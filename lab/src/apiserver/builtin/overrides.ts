// What declarations cannot say of the built-in types: how lists and maps merge, defaults, enums, and which members that
// are declared as required may be left out all the same. Facts from the Kubernetes API reference.
import type { Schema } from '../registry/types.ts';
import type { Definitions } from './type-definitions.ts';

const core = 'io.k8s.api.core.v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const admission = 'io.k8s.api.admissionregistration.v1';
const crd = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

/** A list merged by the given key, by strategic merge and by server-side apply alike. */
function mergedBy(...keys: readonly [string, ...string[]]): Schema {
  return {
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': [...keys],
    'x-kubernetes-patch-merge-key': keys[0],
    'x-kubernetes-patch-strategy': 'merge',
  };
}

const mergedSet: Schema = { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
const atomic: Schema = { 'x-kubernetes-list-type': 'atomic' };
const atomicMap: Schema = { 'x-kubernetes-map-type': 'atomic' };
const protocol: Schema = { default: 'TCP', enum: ['TCP', 'UDP', 'SCTP'] };

const containerLists: Readonly<Record<string, Schema>> = {
  env: mergedBy('name'),
  ports: mergedBy('containerPort', 'protocol'),
  volumeMounts: mergedBy('mountPath'),
  volumeDevices: mergedBy('devicePath'),
  args: atomic,
  command: atomic,
  envFrom: atomic,
  terminationMessagePath: { default: '/dev/termination-log' },
  terminationMessagePolicy: { default: 'File' },
  imagePullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
  resources: { default: {} },
};

const probeDefaults: Readonly<Record<string, Schema>> = {
  timeoutSeconds: { default: 1 },
  periodSeconds: { default: 10 },
  successThreshold: { default: 1 },
  failureThreshold: { default: 3 },
};

const webhook: Readonly<Record<string, Schema>> = {
  failurePolicy: { default: 'Fail', enum: ['Ignore', 'Fail'] },
  matchPolicy: { default: 'Equivalent', enum: ['Exact', 'Equivalent'] },
  timeoutSeconds: { default: 10, minimum: 1, maximum: 30 },
  namespaceSelector: { default: {}, ...atomicMap },
  objectSelector: { default: {}, ...atomicMap },
};

const operationRule: Readonly<Record<string, Schema>> = {
  resources: {
    type: 'array',
    items: { type: 'string' },
    ...atomic,
    description: 'Resources this rule applies to, with subresources after a slash.',
  },
  scope: {
    type: 'string',
    default: '*',
    enum: ['Cluster', 'Namespaced', '*'],
    description: 'Whether the rule is for cluster-scoped or namespaced resources.',
  },
};

/** Additions to the members of a definition; one with a `type` is a member that the declarations lack. */
const members: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
  [`${meta}.ObjectMeta`]: { ownerReferences: mergedBy('uid'), finalizers: mergedSet, managedFields: atomic },
  [`${meta}.LabelSelector`]: { matchExpressions: atomic },
  [`${core}.PodSpec`]: {
    containers: mergedBy('name'),
    initContainers: mergedBy('name'),
    ephemeralContainers: mergedBy('name'),
    volumes: { ...mergedBy('name'), 'x-kubernetes-patch-strategy': 'merge,retainKeys' },
    imagePullSecrets: mergedBy('name'),
    hostAliases: mergedBy('ip'),
    topologySpreadConstraints: mergedBy('topologyKey', 'whenUnsatisfiable'),
    schedulingGates: mergedBy('name'),
    resourceClaims: { ...mergedBy('name'), 'x-kubernetes-patch-strategy': 'merge,retainKeys' },
    tolerations: atomic,
    nodeSelector: atomicMap,
    restartPolicy: { default: 'Always', enum: ['Always', 'OnFailure', 'Never'] },
    dnsPolicy: { default: 'ClusterFirst', enum: ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'] },
    terminationGracePeriodSeconds: { default: 30, minimum: 0 },
    schedulerName: { default: 'default-scheduler' },
    securityContext: { default: {} },
    enableServiceLinks: { default: true },
  },
  // Image volumes are newer than the declarations.
  [`${core}.Volume`]: {
    image: {
      type: 'object',
      description: 'An OCI image that is mounted as a read-only volume.',
      properties: {
        reference: { type: 'string', description: 'Name of the image.' },
        pullPolicy: {
          type: 'string',
          enum: ['Always', 'IfNotPresent', 'Never'],
          description: 'When the image is pulled.',
        },
      },
    },
  },
  [`${core}.PodStatus`]: { conditions: mergedBy('type'), podIPs: mergedBy('ip'), hostIPs: atomic },
  [`${core}.Container`]: containerLists,
  [`${core}.EphemeralContainer`]: containerLists,
  [`${core}.ContainerPort`]: { protocol },
  [`${core}.Probe`]: probeDefaults,
  [`${core}.NodeSpec`]: { taints: atomic, podCIDRs: mergedSet },
  [`${core}.Taint`]: { effect: { enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] } },
  [`${core}.NodeStatus`]: { conditions: mergedBy('type'), addresses: mergedBy('type', 'address'), images: atomic },
  [`${core}.NamespaceStatus`]: { conditions: mergedBy('type') },
  [`${core}.Secret`]: {
    type: { default: 'Opaque' },
    data: { additionalProperties: { type: 'string', format: 'byte' } },
  },
  [`${core}.ConfigMap`]: { binaryData: { additionalProperties: { type: 'string', format: 'byte' } } },
  [`${core}.ServiceAccount`]: { secrets: mergedBy('name'), imagePullSecrets: mergedBy('name') },
  [`${core}.ServiceSpec`]: {
    ports: mergedBy('port', 'protocol'),
    selector: atomicMap,
    type: { default: 'ClusterIP', enum: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] },
    sessionAffinity: { default: 'None', enum: ['ClientIP', 'None'] },
  },
  [`${core}.ServicePort`]: { protocol },
  [`${core}.ServiceStatus`]: { conditions: mergedBy('type') },
  [`${core}.PersistentVolumeClaimSpec`]: { accessModes: atomic, volumeMode: { default: 'Filesystem' } },
  [`${core}.PersistentVolumeClaimStatus`]: { conditions: mergedBy('type') },
  [`${core}.Event`]: { type: { enum: ['Normal', 'Warning', ''] }, involvedObject: atomicMap, related: atomicMap },
  ['io.k8s.api.events.v1.Event']: { type: { enum: ['Normal', 'Warning'] }, regarding: atomicMap, related: atomicMap },
  ['io.k8s.api.policy.v1.PodDisruptionBudgetSpec']: {
    selector: { 'x-kubernetes-patch-strategy': 'replace', ...atomicMap },
  },
  ['io.k8s.api.rbac.v1.RoleBinding']: { roleRef: atomicMap },
  ['io.k8s.api.rbac.v1.ClusterRoleBinding']: { roleRef: atomicMap },
  ['io.k8s.api.policy.v1.PodDisruptionBudgetStatus']: { conditions: mergedBy('type') },
  ['io.k8s.api.discovery.v1.EndpointSlice']: { endpoints: atomic, ports: atomic },
  ['io.k8s.api.networking.v1.NetworkPolicySpec']: { ingress: atomic, egress: atomic, policyTypes: atomic },
  ['io.k8s.api.networking.v1.NetworkPolicyIngressRule']: { from: atomic, ports: atomic },
  ['io.k8s.api.networking.v1.NetworkPolicyEgressRule']: { to: atomic, ports: atomic },
  ['io.k8s.api.networking.v1.NetworkPolicyPort']: { protocol },
  ['io.k8s.api.networking.v1.IPBlock']: { except: atomic },
  [`${admission}.ValidatingWebhookConfiguration`]: { webhooks: mergedBy('name') },
  [`${admission}.MutatingWebhookConfiguration`]: { webhooks: mergedBy('name') },
  [`${admission}.ValidatingWebhook`]: webhook,
  [`${admission}.MutatingWebhook`]: {
    ...webhook,
    reinvocationPolicy: { default: 'Never', enum: ['Never', 'IfNeeded'] },
  },
  [`${admission}.RuleWithOperations`]: operationRule,
  [`${admission}.NamedRuleWithOperations`]: { ...operationRule, resourceNames: atomic },
  [`${admission}.MatchResources`]: {
    matchPolicy: { default: 'Equivalent', enum: ['Exact', 'Equivalent'] },
    namespaceSelector: { default: {}, ...atomicMap },
    objectSelector: { default: {}, ...atomicMap },
    resourceRules: atomic,
    excludeResourceRules: atomic,
  },
  [`${admission}.ValidatingAdmissionPolicySpec`]: {
    failurePolicy: { default: 'Fail', enum: ['Ignore', 'Fail'] },
    matchConditions: mergedBy('name'),
    variables: mergedBy('name'),
    validations: atomic,
    auditAnnotations: atomic,
    paramKind: atomicMap,
  },
  [`${admission}.ValidatingAdmissionPolicyStatus`]: { conditions: mergedBy('type') },
  [`${admission}.ParamRef`]: { parameterNotFoundAction: { enum: ['Allow', 'Deny'] } },
  [`${admission}.ValidatingAdmissionPolicyBindingSpec`]: {
    paramRef: atomicMap,
    validationActions: { 'x-kubernetes-list-type': 'set' },
  },
  [`${admission}.ServiceReference`]: { port: { default: 443 } },
  [`${crd}.CustomResourceDefinitionStatus`]: { conditions: mergedBy('type'), storedVersions: atomic },
  [`${crd}.CustomResourceDefinitionSpec`]: {
    versions: atomic,
    scope: { enum: ['Cluster', 'Namespaced'] },
    conversion: { default: { strategy: 'None' } },
  },
};

/** Declared as required, yet absent in objects that a real server takes. */
const leaveOut: Readonly<Record<string, readonly string[]>> = {
  'io.k8s.api.rbac.v1.Role': ['rules'],
  'io.k8s.api.rbac.v1.ClusterRole': ['rules'],
  'io.k8s.api.authentication.v1.TokenRequestSpec': ['audiences'],
  'io.k8s.api.discovery.v1.EndpointSlice': ['endpoints'],
  'io.k8s.api.events.v1.Event': ['eventTime'],
  [`${core}.Event`]: ['metadata', 'involvedObject'],
  [`${core}.ResourceClaim`]: ['name'],
};

/** Adds the tables above to the definitions, in place. */
export function applyOverrides(definitions: Definitions): void {
  for (const [name, additions] of Object.entries(members)) {
    const properties = definitions.get(name)?.properties;
    if (!properties) throw new Error(`override of ${name}: there is no such definition`);
    for (const [field, addition] of Object.entries(additions)) {
      const property = properties[field];
      if (!property && addition.type === undefined)
        throw new Error(`override of ${name}.${field}: there is no such member`);
      properties[field] = Object.assign(property ?? {}, addition);
    }
  }
  for (const [name, fields] of Object.entries(leaveOut)) {
    const required = definitions.get(name)?.required;
    for (const field of fields) {
      const at = required?.indexOf(field) ?? -1;
      if (required && at >= 0) required.splice(at, 1);
    }
  }
  for (const [name, schema] of definitions) {
    if (name.endsWith('Status') || name.endsWith('.NodeSystemInfo')) schema.required?.splice(0);
  }
}
