// The schema of a VirtualMachineInstance's spec, shared by the two kinds that have one: the fields this lab supports, in KubeVirt's
// shape. A field that is not listed is dropped with a warning, as KubeVirt's own schema does with fields it does not know.

export type Schema = Readonly<Record<string, unknown>>;

export const text: Schema = { type: 'string' };
export const flag: Schema = { type: 'boolean' };
export const integer: Schema = { type: 'integer' };
export const time: Schema = { type: 'string', format: 'date-time' };
export const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
export const texts: Schema = { type: 'object', additionalProperties: text };
const quantity: Schema = {
  anyOf: [{ type: 'integer' }, { type: 'string' }],
  'x-kubernetes-int-or-string': true,
  pattern: String.raw`^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`,
};
const quantities: Schema = { type: 'object', additionalProperties: quantity };

export function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

const named = (properties: Readonly<Record<string, Schema>>): Schema => object({ name: text, ...properties }, ['name']);

const requirements = listOf(
  object(
    {
      key: text,
      operator: { type: 'string', enum: ['DoesNotExist', 'Exists', 'Gt', 'In', 'Lt', 'NotIn'] },
      values: listOf(text),
    },
    ['key', 'operator'],
  ),
);
const nodeTerm = object({ matchExpressions: requirements, matchFields: requirements });

const affinity = object({
  nodeAffinity: object({
    requiredDuringSchedulingIgnoredDuringExecution: object({ nodeSelectorTerms: listOf(nodeTerm) }, [
      'nodeSelectorTerms',
    ]),
    preferredDuringSchedulingIgnoredDuringExecution: listOf(
      object({ weight: integer, preference: nodeTerm }, ['preference', 'weight']),
    ),
  }),
  podAffinity: anything,
  podAntiAffinity: anything,
});

const tolerations = listOf(
  object({
    key: text,
    operator: text,
    value: text,
    effect: text,
    tolerationSeconds: { type: 'integer', format: 'int64' },
  }),
);

const target = object({ bus: text, readonly: flag });
const disk = named({
  disk: target,
  cdrom: target,
  lun: target,
  serial: text,
  bootOrder: integer,
  cache: text,
  io: text,
});

const networkInterface = named({
  masquerade: anything,
  bridge: anything,
  model: text,
  macAddress: text,
  state: text,
  bootOrder: integer,
  ports: listOf(object({ name: text, protocol: text, port: integer }, ['port'])),
});

const secretName = object({ name: text });
const cloudInit = object({
  userData: text,
  userDataBase64: text,
  secretRef: secretName,
  networkData: text,
  networkDataBase64: text,
  networkDataSecretRef: secretName,
});

const volume = named({
  containerDisk: object({ image: text, imagePullPolicy: text, imagePullSecret: text, path: text }, []),
  emptyDisk: object({ capacity: quantity }, ['capacity']),
  cloudInitNoCloud: cloudInit,
  cloudInitConfigDrive: cloudInit,
  persistentVolumeClaim: anything,
  dataVolume: anything,
  configMap: anything,
  secret: anything,
  hostDisk: anything,
});

const domain = object(
  {
    cpu: object({
      cores: integer,
      sockets: integer,
      threads: integer,
      maxSockets: integer,
      model: text,
    }),
    memory: object({ guest: quantity, maxGuest: quantity, hugepages: object({ pageSize: text }) }),
    resources: object({ requests: quantities, limits: quantities }),
    machine: object({ type: text }),
    firmware: object({ uuid: text, serial: text }),
    features: object({ acpi: object({ enabled: flag }) }),
    rebootPolicy: text,
    devices: object({
      disks: listOf(disk),
      interfaces: listOf(networkInterface),
      inputs: listOf(object({ name: text, type: text, bus: text }, ['name', 'type'])),
      rng: object({}),
      autoattachGraphicsDevice: flag,
      autoattachSerialConsole: flag,
      autoattachPodInterface: flag,
      autoattachMemBalloon: flag,
      logSerialConsole: flag,
      hostDevices: listOf(anything),
    }),
  },
  ['devices'],
);

/** VirtualMachineInstance.spec, and VirtualMachine.spec.template.spec. */
export const instanceSpec: Schema = object(
  {
    architecture: text,
    domain,
    volumes: listOf(volume),
    networks: listOf(
      named({
        pod: object({ vmNetworkCIDR: text }),
        multus: object({ networkName: text, default: flag }, ['networkName']),
      }),
    ),
    nodeSelector: texts,
    affinity,
    tolerations,
    schedulerName: text,
    priorityClassName: text,
    evictionStrategy: text,
    startStrategy: text,
    terminationGracePeriodSeconds: { type: 'integer', format: 'int64' },
    hostname: text,
    subdomain: text,
    readinessProbe: anything,
    livenessProbe: anything,
  },
  ['domain'],
);

export const conditions: Schema = listOf(
  object(
    {
      type: text,
      status: text,
      reason: text,
      message: text,
      lastProbeTime: { ...time, nullable: true },
      lastTransitionTime: { ...time, nullable: true },
    },
    ['status', 'type'],
  ),
);

export const phaseTransitions: Schema = listOf(object({ phase: text, phaseTransitionTimestamp: time }));

export const migrationState: Schema = object({
  migrationUid: text,
  sourceNode: text,
  sourcePod: text,
  targetNode: text,
  targetPod: text,
  targetMemoryOverhead: quantity,
  targetNodeAddress: text,
  targetDirectMigrationNodePorts: { type: 'object', additionalProperties: integer },
  targetNodeDomainDetected: flag,
  targetNodeDomainReadyTimestamp: time,
  startTimestamp: time,
  endTimestamp: time,
  completed: flag,
  failed: flag,
  failureReason: text,
  abortRequested: flag,
  abortStatus: text,
  mode: text,
  migrationConfiguration: anything,
  sourceState: anything,
  targetState: anything,
});
