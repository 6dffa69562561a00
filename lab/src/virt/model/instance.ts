// VirtualMachine and VirtualMachineInstance as the lab's KubeVirt reads and writes them: narrow, plain data.
// Names and meaning: KubeVirt staging/src/kubevirt.io/api/core/v1/{types,schema}.go. Fields that nobody here reads travel as `unknown`.
import type { Affinity, Toleration } from '../../model/pod.ts';
import type { Condition, StoredMeta } from '../../model/meta.ts';
import type { MigrationState } from './migration.ts';

export const RUN_STRATEGIES = ['Always', 'RerunOnFailure', 'Manual', 'Halted', 'Once', 'WaitAsReceiver'] as const;
export type RunStrategy = (typeof RUN_STRATEGIES)[number];

export type EvictionStrategy = 'None' | 'LiveMigrate' | 'LiveMigrateIfPossible' | 'External';

export type VmiPhase = 'Pending' | 'Scheduling' | 'Scheduled' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';

export interface CloudInitSource {
  readonly userData?: string;
  readonly userDataBase64?: string;
  readonly secretRef?: { readonly name?: string };
  readonly networkData?: string;
  readonly networkDataBase64?: string;
  readonly networkDataSecretRef?: { readonly name?: string };
}

export interface Volume {
  readonly name: string;
  readonly containerDisk?: {
    readonly image?: string;
    readonly imagePullPolicy?: string;
    readonly imagePullSecret?: string;
  };
  readonly emptyDisk?: { readonly capacity?: string };
  readonly cloudInitNoCloud?: CloudInitSource;
  readonly cloudInitConfigDrive?: CloudInitSource;
  readonly [source: string]: unknown;
}

export interface DiskTarget {
  readonly bus?: string;
  readonly readonly?: boolean;
}

export interface Disk {
  readonly name: string;
  readonly disk?: DiskTarget;
  readonly cdrom?: DiskTarget;
  readonly lun?: DiskTarget;
  readonly serial?: string;
  readonly bootOrder?: number;
}

export interface Interface {
  readonly name: string;
  readonly masquerade?: unknown;
  readonly bridge?: unknown;
  readonly bootOrder?: number;
  readonly [field: string]: unknown;
}

export interface Network {
  readonly name: string;
  readonly pod?: { readonly vmNetworkCIDR?: string };
  readonly multus?: { readonly networkName?: string; readonly default?: boolean };
}

export interface Cpu {
  readonly cores?: number;
  readonly sockets?: number;
  readonly threads?: number;
  readonly maxSockets?: number;
  readonly model?: string;
}

export interface Domain {
  readonly cpu?: Cpu;
  readonly memory?: { readonly guest?: string; readonly maxGuest?: string; readonly hugepages?: { pageSize?: string } };
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string | number>>;
    readonly limits?: Readonly<Record<string, string | number>>;
  };
  readonly machine?: { readonly type?: string };
  readonly firmware?: { readonly uuid?: string; readonly serial?: string; readonly [field: string]: unknown };
  readonly features?: { readonly acpi?: { readonly enabled?: boolean }; readonly [field: string]: unknown };
  readonly devices: {
    readonly disks?: readonly Disk[];
    readonly interfaces?: readonly Interface[];
    readonly inputs?: readonly { readonly name: string; readonly type: string; readonly bus?: string }[];
    readonly autoattachGraphicsDevice?: boolean;
    readonly autoattachSerialConsole?: boolean;
    readonly autoattachPodInterface?: boolean;
    readonly logSerialConsole?: boolean;
    readonly [device: string]: unknown;
  };
  readonly [part: string]: unknown;
}

export interface VmiSpec {
  readonly architecture?: string;
  readonly domain: Domain;
  readonly volumes?: readonly Volume[];
  readonly networks?: readonly Network[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly affinity?: Affinity;
  readonly tolerations?: readonly Toleration[];
  readonly schedulerName?: string;
  readonly priorityClassName?: string;
  readonly evictionStrategy?: EvictionStrategy;
  readonly startStrategy?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly [field: string]: unknown;
}

export interface PhaseTransition {
  readonly phase: string;
  readonly phaseTransitionTimestamp: string;
}

export interface VmiStatus {
  readonly phase?: VmiPhase | '';
  readonly reason?: string;
  readonly nodeName?: string;
  readonly conditions?: readonly Condition[];
  readonly phaseTransitionTimestamps?: readonly PhaseTransition[];
  /** Pod uid -> node name, "" until the pod is bound. */
  readonly activePods?: Readonly<Record<string, string>>;
  readonly evacuationNodeName?: string;
  readonly migrationState?: MigrationState;
  readonly migrationMethod?: string;
  readonly migrationTransport?: string;
  readonly machine?: { readonly type?: string };
  readonly interfaces?: readonly Readonly<Record<string, unknown>>[];
  readonly volumeStatus?: readonly { readonly name: string; readonly target: string }[];
  readonly qosClass?: string;
  readonly launcherContainerImageVersion?: string;
  readonly memory?: Readonly<Record<string, string>>;
  readonly currentCPUTopology?: Readonly<Record<string, number>>;
  readonly guestOSInfo?: Readonly<Record<string, unknown>>;
  readonly runtimeUser?: number;
}

export interface VirtualMachineInstance {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: StoredMeta;
  readonly spec: VmiSpec;
  readonly status?: VmiStatus;
}

/** A VirtualMachineInstance that is about to be created: it has no uid yet. */
export type NewVmi = Omit<VirtualMachineInstance, 'metadata' | 'status'> & {
  readonly metadata: Omit<StoredMeta, 'uid'>;
};

export interface StateChangeRequest {
  readonly action: 'Start' | 'Stop';
  readonly uid?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface StartFailure {
  readonly consecutiveFailCount?: number;
  readonly lastFailedVMIUID?: string;
  readonly retryAfterTimestamp?: string;
}

export interface VmStatus {
  readonly created?: boolean;
  readonly ready?: boolean;
  readonly printableStatus?: string;
  readonly runStrategy?: RunStrategy;
  readonly conditions?: readonly Condition[];
  readonly stateChangeRequests?: readonly StateChangeRequest[];
  readonly startFailure?: StartFailure;
  readonly desiredGeneration?: number;
  readonly observedGeneration?: number;
}

export interface VmTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: VmiSpec;
}

export interface VirtualMachine {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: StoredMeta;
  readonly spec: {
    readonly running?: boolean;
    readonly runStrategy?: RunStrategy;
    readonly template: VmTemplate;
    readonly instancetype?: unknown;
    readonly preference?: unknown;
  };
  readonly status?: VmStatus;
}

export const VM_FINALIZER = 'kubevirt.io/virtualMachineControllerFinalize';
export const VMI_FINALIZER = 'kubevirt.io/foregroundDeleteVirtualMachine';
export const NODE_NAME_LABEL = 'kubevirt.io/nodeName';
export const MIGRATION_TARGET_LABEL = 'kubevirt.io/migrationTargetNodeName';
export const VM_GENERATION = 'kubevirt.io/vm-generation';

/** True in the phases that a VirtualMachineInstance never leaves. */
export function isFinal(vmi: VirtualMachineInstance): boolean {
  return vmi.status?.phase === 'Succeeded' || vmi.status?.phase === 'Failed';
}

/** True once the guest has been reported as running at any time: only deaths before that count as start failures. */
export function everRan(vmi: VirtualMachineInstance): boolean {
  return vmi.status?.phaseTransitionTimestamps?.some((entry) => entry.phase === 'Running') ?? false;
}

/** The run strategy, also of a VirtualMachine that still uses the deprecated `running`. */
export function strategyOf(vm: VirtualMachine): RunStrategy {
  return vm.spec.runStrategy ?? (vm.spec.running ? 'Always' : 'Halted');
}
