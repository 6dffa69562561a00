// The webhook configurations, the Service and the APIService that lead the API server to virt-api.
// Names and failure policy: KubeVirt pkg/virt-operator/resource/generate/components/{webhooks,apiservices}.go.
import { KUBEVIRT_NAMESPACE, SUBRESOURCE_GROUP, VIRT_API_SERVICE } from './resources.ts';

/** Where virt-api listens, and the CA that its certificate is checked against. */
export interface VirtApiAddress {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
}

interface Hook {
  readonly name: string;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly operations: readonly ('CREATE' | 'UPDATE')[];
  readonly resources: readonly string[];
}

const kubevirt = { group: 'kubevirt.io', version: 'v1' } as const;

export const mutatingHooks: readonly Hook[] = [
  {
    name: 'virtualmachines-mutator.kubevirt.io',
    path: '/virtualmachines-mutate',
    ...kubevirt,
    operations: ['CREATE', 'UPDATE'],
    resources: ['virtualmachines'],
  },
  {
    name: 'virtualmachineinstances-mutator.kubevirt.io',
    path: '/virtualmachineinstances-mutate',
    ...kubevirt,
    operations: ['CREATE', 'UPDATE'],
    resources: ['virtualmachineinstances'],
  },
  {
    name: 'migrations-mutator.kubevirt.io',
    path: '/migration-mutate-create',
    ...kubevirt,
    operations: ['CREATE'],
    resources: ['virtualmachineinstancemigrations'],
  },
];

export const validatingHooks: readonly Hook[] = [
  {
    name: 'virtualmachine-validator.kubevirt.io',
    path: '/virtualmachines-validate',
    ...kubevirt,
    operations: ['CREATE', 'UPDATE'],
    resources: ['virtualmachines'],
  },
  {
    name: 'virtualmachineinstances-create-validator.kubevirt.io',
    path: '/virtualmachineinstances-validate-create',
    ...kubevirt,
    operations: ['CREATE'],
    resources: ['virtualmachineinstances'],
  },
  {
    name: 'virtualmachineinstances-update-validator.kubevirt.io',
    path: '/virtualmachineinstances-validate-update',
    ...kubevirt,
    operations: ['UPDATE'],
    resources: ['virtualmachineinstances'],
  },
  {
    name: 'migration-create-validator.kubevirt.io',
    path: '/migration-validate-create',
    ...kubevirt,
    operations: ['CREATE'],
    resources: ['virtualmachineinstancemigrations'],
  },
  {
    name: 'migration-update-validator.kubevirt.io',
    path: '/migration-validate-update',
    ...kubevirt,
    operations: ['UPDATE'],
    resources: ['virtualmachineinstancemigrations'],
  },
  {
    // Fail closed: while virt-api is away, no guest is evicted.
    name: 'virt-launcher-eviction-interceptor.kubevirt.io',
    path: '/launcher-eviction-validate',
    group: '',
    version: 'v1',
    operations: ['CREATE'],
    resources: ['pods/eviction'],
  },
];

const TIMEOUT_SECONDS = 10;

function webhook(hook: Hook, { host, port, caPem }: VirtApiAddress) {
  return {
    name: hook.name,
    admissionReviewVersions: ['v1'],
    clientConfig: {
      url: `https://${host}:${port}${hook.path}`,
      caBundle: Buffer.from(caPem).toString('base64'),
    },
    rules: [
      {
        apiGroups: [hook.group],
        apiVersions: [hook.version],
        operations: hook.operations,
        resources: hook.resources,
        scope: 'Namespaced',
      },
    ],
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    // Marking an instance for evacuation is what an eviction does besides answering; a dry run asks for the answer alone.
    sideEffects: hook.name.startsWith('virt-launcher-eviction') ? 'NoneOnDryRun' : 'None',
    timeoutSeconds: TIMEOUT_SECONDS,
  };
}

/** Everything that points at this address. */
export function pointers(address: VirtApiAddress) {
  return {
    mutating: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'virt-api-mutator' },
      webhooks: mutatingHooks.map((hook) => ({ ...webhook(hook, address), reinvocationPolicy: 'Never' })),
    },
    validating: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'virt-api-validator' },
      webhooks: validatingHooks.map((hook) => webhook(hook, address)),
    },
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: VIRT_API_SERVICE, namespace: KUBEVIRT_NAMESPACE },
      spec: {
        type: 'ExternalName',
        externalName: 'localhost',
        ports: [{ name: 'https', port: address.port, protocol: 'TCP' }],
      },
    },
    apiService: {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `v1.${SUBRESOURCE_GROUP}` },
      spec: {
        group: SUBRESOURCE_GROUP,
        version: 'v1',
        service: { namespace: KUBEVIRT_NAMESPACE, name: VIRT_API_SERVICE, port: address.port },
        caBundle: Buffer.from(address.caPem).toString('base64'),
        groupPriorityMinimum: 1000,
        versionPriority: 15,
      },
    },
  };
}
