// The CustomResourceDefinitions of kubevirt.io that this lab serves: KubeVirt's kinds with the fields supported here.
// Facts: KubeVirt staging/src/kubevirt.io/api/core/v1/types.go (names, printer columns, which kinds have a status subresource).
import {
  anything,
  conditions,
  flag,
  instanceSpec,
  integer,
  listOf,
  migrationState,
  object,
  phaseTransitions,
  text,
  texts,
  time,
  type Schema,
} from './instance-schema.ts';

interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly spec: Schema;
  readonly status: Schema;
  readonly hasStatusSubresource: boolean;
  readonly columns: readonly (readonly [name: string, type: string, path: string, priority?: number])[];
}

const readyCondition = ".status.conditions[?(@.type=='Ready')].status";

const template = object({ metadata: object({ labels: texts, annotations: texts }), spec: instanceSpec }, ['spec']);

const virtualMachine: Kind = {
  kind: 'VirtualMachine',
  plural: 'virtualmachines',
  shortNames: ['vm', 'vms'],
  hasStatusSubresource: true,
  spec: object({ running: flag, runStrategy: text, template }, ['template']),
  status: object({
    created: flag,
    ready: flag,
    printableStatus: { type: 'string', default: 'Stopped' },
    runStrategy: text,
    conditions,
    desiredGeneration: { type: 'integer', format: 'int64' },
    observedGeneration: { type: 'integer', format: 'int64' },
    stateChangeRequests: listOf(object({ action: text, uid: text, data: texts }, ['action'])),
    startFailure: object({ consecutiveFailCount: integer, lastFailedVMIUID: text, retryAfterTimestamp: time }),
  }),
  columns: [
    ['Age', 'date', '.metadata.creationTimestamp'],
    ['Status', 'string', '.status.printableStatus'],
    ['Ready', 'string', readyCondition],
  ],
};

const virtualMachineInstance: Kind = {
  kind: 'VirtualMachineInstance',
  plural: 'virtualmachineinstances',
  shortNames: ['vmi', 'vmis'],
  hasStatusSubresource: false,
  spec: instanceSpec,
  status: object({
    phase: text,
    reason: text,
    nodeName: text,
    conditions,
    phaseTransitionTimestamps: phaseTransitions,
    activePods: texts,
    evacuationNodeName: text,
    migrationState,
    migrationMethod: text,
    migrationTransport: text,
    machine: object({ type: text }),
    interfaces: listOf(anything),
    volumeStatus: listOf(object({ name: text, target: text }, ['name', 'target'])),
    guestOSInfo: anything,
    memory: texts,
    currentCPUTopology: object({ cores: integer, sockets: integer, threads: integer }),
    qosClass: text,
    launcherContainerImageVersion: text,
    runtimeUser: { type: 'integer', format: 'int64' },
    selinuxContext: text,
  }),
  columns: [
    ['Age', 'date', '.metadata.creationTimestamp'],
    ['Phase', 'string', '.status.phase'],
    ['IP', 'string', '.status.interfaces[0].ipAddress'],
    ['NodeName', 'string', '.status.nodeName'],
    ['Ready', 'string', readyCondition],
    ['Live-Migratable', 'string', ".status.conditions[?(@.type=='LiveMigratable')].status", 1],
    ['Paused', 'string', ".status.conditions[?(@.type=='Paused')].status", 1],
  ],
};

const migration: Kind = {
  kind: 'VirtualMachineInstanceMigration',
  plural: 'virtualmachineinstancemigrations',
  shortNames: ['vmim', 'vmims'],
  hasStatusSubresource: true,
  spec: object({ vmiName: text, addedNodeSelector: texts, priority: text }),
  status: object({ phase: text, conditions, phaseTransitionTimestamps: phaseTransitions, migrationState }),
  columns: [
    ['Phase', 'string', '.status.phase'],
    ['VMI', 'string', '.spec.vmiName'],
  ],
};

const kubeVirt: Kind = {
  kind: 'KubeVirt',
  plural: 'kubevirts',
  shortNames: ['kv', 'kvs'],
  hasStatusSubresource: true,
  spec: object({
    workloads: object({ nodePlacement: anything }),
    configuration: object({
      evictionStrategy: text,
      vmRolloutStrategy: { type: 'string', enum: ['Stage', 'LiveUpdate'] },
      migrations: object({
        parallelMigrationsPerCluster: integer,
        parallelOutboundMigrationsPerNode: integer,
        progressTimeout: integer,
        completionTimeoutPerGiB: integer,
        maxDowntimeMs: integer,
      }),
      developerConfiguration: object({ useEmulation: flag, featureGates: listOf(text) }),
    }),
  }),
  status: object({ phase: text, defaultArchitecture: text, observedKubeVirtVersion: text, conditions }),
  columns: [
    ['Age', 'date', '.metadata.creationTimestamp'],
    ['Phase', 'string', '.status.phase'],
  ],
};

/** As they are applied to the API server. */
export const definitions = [virtualMachine, virtualMachineInstance, migration, kubeVirt].map(definitionOf);

function definitionOf(kind: Kind) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.kubevirt.io` },
    spec: {
      group: 'kubevirt.io',
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: kind.shortNames,
        listKind: `${kind.kind}List`,
        categories: ['all'],
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: object(
              { apiVersion: text, kind: text, metadata: { type: 'object' }, spec: kind.spec, status: kind.status },
              ['spec'],
            ),
          },
          ...(kind.hasStatusSubresource ? { subresources: { status: {} } } : {}),
          additionalPrinterColumns: kind.columns.map(([name, type, jsonPath, priority]) => ({
            name,
            type,
            jsonPath,
            ...(priority === undefined ? {} : { priority }),
          })),
        },
      ],
    },
  };
}
