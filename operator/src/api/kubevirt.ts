// Narrow types of KubeVirt's kinds (kubevirt.io/v1): the fields that are rendered, read or played, and no more.
// Promises: plain JSON; times are RFC 3339 strings. Fields follow staging/src/kubevirt.io/api/core/v1/types.go and schema.go.
// Phases and conditions are closed unions, as our code must answer each of them.

import type { Affinity, Quantity, Toleration } from './kubernetes.ts';
import type { Condition } from './conditions.ts';
import type { KubeObject, ObjectMeta } from '../kube/object.ts';

// --- VirtualMachine

export type RunStrategy = 'Always' | 'RerunOnFailure' | 'Manual' | 'Halted' | 'Once' | 'WaitAsReceiver';

/** status.printableStatus of a VirtualMachine. */
export type PrintableStatus =
  | 'Stopped'
  | 'Provisioning'
  | 'Starting'
  | 'Running'
  | 'Paused'
  | 'Stopping'
  | 'Terminating'
  | 'CrashLoopBackOff'
  | 'Migrating'
  | 'Unknown'
  | 'ErrorUnschedulable'
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrorPvcNotFound'
  | 'DataVolumeError'
  | 'WaitingForVolumeBinding'
  | 'WaitingForReceiver';

export interface VirtualMachineSpec {
  runStrategy?: RunStrategy;
  template: VirtualMachineInstanceTemplate;
  dataVolumeTemplates?: unknown[];
}

export interface VirtualMachineInstanceTemplate {
  metadata?: Partial<Pick<ObjectMeta, 'labels' | 'annotations' | 'creationTimestamp'>>;
  spec: VirtualMachineInstanceSpec;
}

export interface StateChangeRequest {
  action: 'Start' | 'Stop';
  data?: Record<string, string>;
  uid?: string;
}

export interface VirtualMachineStatus {
  created?: boolean;
  ready?: boolean;
  printableStatus?: PrintableStatus;
  runStrategy?: RunStrategy;
  desiredGeneration?: number;
  observedGeneration?: number;
  conditions?: VirtualMachineCondition[];
  stateChangeRequests?: StateChangeRequest[];
  startFailure?: { consecutiveFailCount: number; lastFailedVMIUID?: string; retryAfterTimestamp?: string };
  volumeSnapshotStatuses?: { name: string; enabled: boolean; reason?: string }[];
}

/** Known types: Ready, Failure, Paused, Initialized, RestartRequired, LiveMigratable and others copied from the instance. */
export interface VirtualMachineCondition extends Condition {
  lastProbeTime?: string | null;
}

export interface VirtualMachine extends KubeObject {
  spec: VirtualMachineSpec;
  status?: VirtualMachineStatus;
}

// --- VirtualMachineInstance

export type EvictionStrategy = 'None' | 'LiveMigrate' | 'LiveMigrateIfPossible' | 'External';

export interface Disk {
  name: string;
  disk?: { bus?: string; readonly?: boolean };
  cdrom?: { bus?: string };
  /** Becomes /dev/disk/by-id/virtio-<serial> in the guest. */
  serial?: string;
  bootOrder?: number;
  cache?: string;
}

export interface Interface {
  name: string;
  masquerade?: Record<string, never>;
  bridge?: Record<string, never>;
  macAddress?: string;
  model?: string;
  ports?: { name?: string; port: number; protocol?: string }[];
}

export interface Devices {
  disks?: Disk[];
  interfaces?: Interface[];
  rng?: Record<string, never>;
  autoattachGraphicsDevice?: boolean;
  autoattachSerialConsole?: boolean;
  autoattachMemBalloon?: boolean;
  autoattachPodInterface?: boolean;
  /** The serial console is also written to the log of the launcher pod's container guest-console-log. */
  logSerialConsole?: boolean;
  gpus?: { name: string; deviceName: string }[];
  inputs?: { name: string; type: string; bus?: string }[];
  tpm?: { persistent?: boolean };
}

export interface Domain {
  cpu?: {
    cores?: number;
    sockets?: number;
    threads?: number;
    maxSockets?: number;
    model?: string;
    features?: { name: string; policy?: string }[];
    dedicatedCpuPlacement?: boolean;
  };
  memory?: { guest?: Quantity; maxGuest?: Quantity; hugepages?: { pageSize?: string } };
  resources?: {
    requests?: Record<string, Quantity>;
    limits?: Record<string, Quantity>;
    overcommitGuestOverhead?: boolean;
  };
  machine?: { type?: string };
  firmware?: { uuid?: string; serial?: string; bootloader?: unknown };
  features?: unknown;
  clock?: unknown;
  devices: Devices;
}

export interface Volume {
  name: string;
  containerDisk?: { image: string; imagePullPolicy?: string; imagePullSecret?: string; path?: string };
  emptyDisk?: { capacity: Quantity };
  cloudInitNoCloud?: CloudInitSource;
  cloudInitConfigDrive?: CloudInitSource;
  persistentVolumeClaim?: { claimName: string; hotpluggable?: boolean };
  dataVolume?: { name: string };
  secret?: { secretName: string; optional?: boolean };
}

export interface CloudInitSource {
  /** Key "userdata" (or "userData") of this Secret. */
  secretRef?: { name: string };
  networkDataSecretRef?: { name: string };
  /** At most 2048 bytes; longer data goes into a Secret. */
  userData?: string;
  userDataBase64?: string;
  networkData?: string;
  networkDataBase64?: string;
}

export interface VirtualMachineInstanceSpec {
  domain: Domain;
  architecture?: string;
  affinity?: Affinity;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  priorityClassName?: string;
  schedulerName?: string;
  evictionStrategy?: EvictionStrategy;
  startStrategy?: 'Paused';
  terminationGracePeriodSeconds?: number;
  hostname?: string;
  subdomain?: string;
  networks?: { name: string; pod?: Record<string, unknown>; multus?: { networkName: string } }[];
  volumes?: Volume[];
  readinessProbe?: unknown;
  livenessProbe?: unknown;
  accessCredentials?: unknown[];
}

export const vmiPhases = ['Pending', 'Scheduling', 'Scheduled', 'Running', 'Succeeded', 'Failed', 'Unknown'] as const;
/** "WaitingForSync" exists only for migrations between clusters, which we do not make. */
export type VmiPhase = (typeof vmiPhases)[number] | 'WaitingForSync' | '';

/** Types that matter here: Ready, LiveMigratable, Paused, PodScheduled, Synchronized, AgentConnected, EvictionRequested. */
export interface VmiCondition extends Condition {
  lastProbeTime?: string | null;
}

export interface MigrationState {
  migrationUid?: string;
  sourceNode?: string;
  sourcePod?: string;
  targetNode?: string;
  targetPod?: string;
  targetNodeAddress?: string;
  targetNodeDomainDetected?: boolean;
  targetNodeDomainReadyTimestamp?: string;
  targetDirectMigrationNodePorts?: Record<string, number>;
  targetMemoryOverhead?: Quantity;
  startTimestamp?: string;
  endTimestamp?: string;
  completed?: boolean;
  failed?: boolean;
  failureReason?: string;
  abortRequested?: boolean;
  abortStatus?: 'Succeeded' | 'Failed' | 'Aborting';
  mode?: 'PreCopy' | 'PostCopy' | 'Paused';
  migrationConfiguration?: MigrationConfiguration;
}

export interface MigrationConfiguration {
  allowAutoConverge?: boolean;
  allowPostCopy?: boolean;
  allowWorkloadDisruption?: boolean;
  bandwidthPerMigration?: Quantity;
  completionTimeoutPerGiB?: number;
  maxDowntimeMs?: number;
  nodeDrainTaintKey?: string;
  parallelMigrationsPerCluster?: number;
  parallelOutboundMigrationsPerNode?: number;
  progressTimeout?: number;
  unsafeMigrationOverride?: boolean;
  utilityVolumesTimeout?: number;
}

export interface VirtualMachineInstanceStatus {
  phase?: VmiPhase;
  phaseTransitionTimestamps?: { phase: VmiPhase; phaseTransitionTimestamp: string }[];
  reason?: string;
  nodeName?: string;
  /** Pod uid to node name; during a migration it holds both ends, and old entries stay. */
  activePods?: Record<string, string>;
  /** Set by the eviction webhook; cleared by the evacuation cancel subresource. */
  evacuationNodeName?: string;
  conditions?: VmiCondition[];
  interfaces?: {
    name?: string;
    podInterfaceName?: string;
    ipAddress?: string;
    ipAddresses?: string[];
    mac?: string;
    infoSource?: string;
    linkState?: string;
    queueCount?: number;
  }[];
  machine?: { type?: string };
  memory?: {
    guestAtBoot?: Quantity;
    guestCurrent?: Quantity;
    guestRequested?: Quantity;
    memoryOverhead?: Quantity;
  };
  currentCPUTopology?: { cores?: number; sockets?: number; threads?: number };
  migrationState?: MigrationState;
  migrationMethod?: 'BlockMigration' | 'LiveMigration';
  migrationTransport?: string;
  migratedVolumes?: unknown[];
  guestOSInfo?: { name?: string; prettyName?: string; version?: string };
  launcherContainerImageVersion?: string;
  qosClass?: string;
  runtimeUser?: number;
  selinuxContext?: string;
  virtualMachineRevisionName?: string;
  volumeStatus?: { name: string; target: string; phase?: string; reason?: string; message?: string }[];
}

export interface VirtualMachineInstance extends KubeObject {
  spec: VirtualMachineInstanceSpec;
  status?: VirtualMachineInstanceStatus;
}

// --- VirtualMachineInstanceMigration

export const migrationPhases = [
  'Pending',
  'Scheduling',
  'Scheduled',
  'PreparingTarget',
  'TargetReady',
  'Running',
  'Succeeded',
  'Failed',
] as const;
/** The three beyond `migrationPhases` belong to migrations between clusters. */
export type MigrationPhase =
  (typeof migrationPhases)[number] | 'WaitingForSync' | 'Synchronizing' | 'InterruptedWaitForSync' | '';

export interface VirtualMachineInstanceMigrationSpec {
  vmiName: string;
  /** Added to the target pod's node selector; it cannot widen what the instance itself demands. */
  addedNodeSelector?: Record<string, string>;
  priority?: string;
}

export interface VirtualMachineInstanceMigrationStatus {
  phase?: MigrationPhase;
  phaseTransitionTimestamps?: { phase: MigrationPhase; phaseTransitionTimestamp: string }[];
  conditions?: VmiCondition[];
  migrationState?: MigrationState;
}

export interface VirtualMachineInstanceMigration extends KubeObject {
  spec: VirtualMachineInstanceMigrationSpec;
  status?: VirtualMachineInstanceMigrationStatus;
}

/** True once nothing more will happen to it. */
export function isMigrationOver(migration: VirtualMachineInstanceMigration): boolean {
  const phase = migration.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** True once the guest has ended, well or not. */
export function isInstanceOver(vmi: VirtualMachineInstance): boolean {
  const phase = vmi.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}
