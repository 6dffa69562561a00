// Which protobuf bodies are understood, field by field. kubectl's typed commands (drain, create token, auth can-i, create
// namespace ...) send these kinds so; only what a client may write is named, anything else is skipped when read.
// Field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery.

export type FieldType =
  | 'string'
  | 'int'
  | 'bool'
  | 'bytes'
  | 'time'
  | 'intOrString'
  | Message
  | { readonly mapOf: 'string' | 'bytes' | Message };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly repeated?: true;
  /** Go writes zero too; in JSON it is left out. */
  readonly zeroIsAbsent?: true;
}

/** Fields by number. */
export type Message = Readonly<Record<number, Field>>;

export const one = (name: string, type: FieldType = 'string'): Field => ({ name, type });
const some = (name: string, type: FieldType): Field => ({ name, type, zeroIsAbsent: true });
const many = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: true });
const stringMap = (name: string): Field => ({ name, type: { mapOf: 'string' } });
const bytesMap = (name: string): Field => ({ name, type: { mapOf: 'bytes' } });

const ownerReference: Message = {
  1: one('kind'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('controller', 'bool'),
  7: one('blockOwnerDeletion', 'bool'),
};
const metadata = one('metadata', {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  5: one('uid'),
  6: one('resourceVersion'),
  7: one('generation', 'int'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  10: one('deletionGracePeriodSeconds', 'int'),
  11: stringMap('labels'),
  12: stringMap('annotations'),
  13: many('ownerReferences', ownerReference),
  14: many('finalizers'),
});
const deleteOptions: Message = {
  1: one('gracePeriodSeconds', 'int'),
  2: one('preconditions', { 1: one('uid'), 2: one('resourceVersion') }),
  3: one('orphanDependents', 'bool'),
  4: one('propagationPolicy'),
  5: many('dryRun'),
};
const resourceAttributes: Message = {
  1: one('namespace'),
  2: one('verb'),
  3: one('group'),
  4: one('version'),
  5: one('resource'),
  6: one('subresource'),
  7: one('name'),
};
const nonResourceAttributes: Message = { 1: one('path'), 2: one('verb') };
const subjectAccessSpec: Message = {
  1: one('resourceAttributes', resourceAttributes),
  2: one('nonResourceAttributes', nonResourceAttributes),
  3: one('user'),
  4: many('groups'),
  5: { name: 'extra', type: { mapOf: { 1: many('items') } } },
  6: one('uid'),
};
const boundObject: Message = { 1: one('kind'), 2: one('apiVersion'), 3: one('name'), 4: one('uid') };
const objectReference: Message = {
  1: one('kind'),
  2: one('namespace'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
};
const policyRule: Message = {
  1: many('verbs'),
  2: many('apiGroups'),
  3: many('resources'),
  4: many('resourceNames'),
  5: many('nonResourceURLs'),
};
const subject: Message = { 1: one('kind'), 2: one('apiGroup'), 3: one('name'), 4: one('namespace') };
const roleRef: Message = { 1: one('apiGroup'), 2: one('kind'), 3: one('name') };
const binding: Message = { 1: metadata, 2: many('subjects', subject), 3: one('roleRef', roleRef) };
const role: Message = { 1: metadata, 2: many('rules', policyRule) };

const labelSelector: Message = {
  1: stringMap('matchLabels'),
  2: many('matchExpressions', { 1: one('key'), 2: one('operator'), 3: many('values') }),
};
const servicePort: Message = {
  1: one('name'),
  2: one('protocol'),
  3: one('port', 'int'),
  4: one('targetPort', 'intOrString'),
  5: some('nodePort', 'int'),
  6: one('appProtocol'),
};
const serviceSpec: Message = {
  1: many('ports', servicePort),
  2: stringMap('selector'),
  3: one('clusterIP'),
  4: one('type'),
  5: many('externalIPs'),
  7: one('sessionAffinity'),
  10: one('externalName'),
  13: some('publishNotReadyAddresses', 'bool'),
  18: many('clusterIPs'),
};

/** By `apiVersion/kind`. */
export const messages: Readonly<Record<string, Message>> = {
  'v1/DeleteOptions': deleteOptions,
  'meta.k8s.io/v1/DeleteOptions': deleteOptions,
  'policy/v1/Eviction': { 1: metadata, 2: one('deleteOptions', deleteOptions) },
  'authentication.k8s.io/v1/TokenRequest': {
    1: metadata,
    2: one('spec', { 1: many('audiences'), 3: one('boundObjectRef', boundObject), 4: one('expirationSeconds', 'int') }),
  },
  'authentication.k8s.io/v1/TokenReview': { 1: metadata, 2: one('spec', { 1: one('token'), 2: many('audiences') }) },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: metadata },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': {
    1: metadata,
    2: one('spec', {
      1: one('resourceAttributes', resourceAttributes),
      2: one('nonResourceAttributes', nonResourceAttributes),
    }),
  },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: metadata, 2: one('spec', { 1: one('namespace') }) },
  'authorization.k8s.io/v1/SubjectAccessReview': { 1: metadata, 2: one('spec', subjectAccessSpec) },
  'authorization.k8s.io/v1/LocalSubjectAccessReview': { 1: metadata, 2: one('spec', subjectAccessSpec) },
  'v1/Namespace': { 1: metadata, 2: one('spec', { 1: many('finalizers') }) },
  'v1/ConfigMap': { 1: metadata, 2: stringMap('data'), 3: bytesMap('binaryData'), 4: one('immutable', 'bool') },
  'v1/Secret': {
    1: metadata,
    2: bytesMap('data'),
    3: one('type'),
    4: stringMap('stringData'),
    5: one('immutable', 'bool'),
  },
  'v1/ServiceAccount': {
    1: metadata,
    2: many('secrets', objectReference),
    3: many('imagePullSecrets', { 1: one('name') }),
    4: one('automountServiceAccountToken', 'bool'),
  },
  'v1/Binding': { 1: metadata, 2: one('target', objectReference) },
  'rbac.authorization.k8s.io/v1/Role': role,
  'rbac.authorization.k8s.io/v1/ClusterRole': role,
  'rbac.authorization.k8s.io/v1/RoleBinding': binding,
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': binding,
  'v1/Service': { 1: metadata, 2: one('spec', serviceSpec) },
  'policy/v1/PodDisruptionBudget': {
    1: metadata,
    2: one('spec', {
      1: one('minAvailable', 'intOrString'),
      2: one('selector', labelSelector),
      3: one('maxUnavailable', 'intOrString'),
      4: one('unhealthyPodEvictionPolicy'),
    }),
  },
  'scheduling.k8s.io/v1/PriorityClass': {
    1: metadata,
    2: one('value', 'int'),
    3: some('globalDefault', 'bool'),
    4: one('description'),
    5: one('preemptionPolicy'),
  },
};
