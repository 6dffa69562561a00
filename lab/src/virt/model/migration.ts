// VirtualMachineInstanceMigration, and the migrationState by which the control plane and the two machines hand a guest over.
// Who writes which field, and when: ../README.md.
import type { Condition, StoredMeta } from '../../model/meta.ts';
import type { PhaseTransition } from './instance.ts';

export type MigrationPhase =
  'Pending' | 'Scheduling' | 'Scheduled' | 'PreparingTarget' | 'TargetReady' | 'Running' | 'Succeeded' | 'Failed';

/** Limits of migrations, from the KubeVirt object; defaults in migrationDefaults. Times in seconds, maxDowntimeMs in ms. */
export interface MigrationConfiguration {
  readonly nodeDrainTaintKey: string;
  readonly parallelOutboundMigrationsPerNode: number;
  readonly parallelMigrationsPerCluster: number;
  readonly allowAutoConverge: boolean;
  readonly bandwidthPerMigration: string;
  readonly completionTimeoutPerGiB: number;
  readonly progressTimeout: number;
  readonly unsafeMigrationOverride: boolean;
  readonly allowPostCopy: boolean;
  readonly allowWorkloadDisruption: boolean;
  readonly maxDowntimeMs: number;
  readonly utilityVolumesTimeout: number;
}

export const migrationDefaults: MigrationConfiguration = {
  nodeDrainTaintKey: 'kubevirt.io/drain',
  parallelOutboundMigrationsPerNode: 2,
  parallelMigrationsPerCluster: 5,
  allowAutoConverge: false,
  bandwidthPerMigration: '0',
  completionTimeoutPerGiB: 150,
  progressTimeout: 150,
  unsafeMigrationOverride: false,
  allowPostCopy: false,
  allowWorkloadDisruption: false,
  maxDowntimeMs: 900,
  utilityVolumesTimeout: 150,
};

/** VirtualMachineInstance.status.migrationState; timestamps are RFC 3339. */
export interface MigrationState {
  readonly migrationUid?: string;
  readonly sourceNode?: string;
  readonly sourcePod?: string;
  readonly targetNode?: string;
  readonly targetPod?: string;
  readonly targetMemoryOverhead?: string;
  readonly targetNodeAddress?: string;
  readonly targetDirectMigrationNodePorts?: Readonly<Record<string, number>>;
  readonly targetNodeDomainDetected?: boolean;
  readonly targetNodeDomainReadyTimestamp?: string;
  readonly startTimestamp?: string;
  readonly endTimestamp?: string;
  readonly completed?: boolean;
  readonly failed?: boolean;
  readonly failureReason?: string;
  readonly abortRequested?: boolean;
  readonly abortStatus?: string;
  readonly mode?: string;
  readonly migrationConfiguration?: MigrationConfiguration;
}

export interface Migration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: StoredMeta;
  readonly spec: {
    readonly vmiName: string;
    readonly addedNodeSelector?: Readonly<Record<string, string>>;
    readonly priority?: string;
  };
  readonly status?: {
    readonly phase?: MigrationPhase | '';
    readonly conditions?: readonly Condition[];
    readonly phaseTransitionTimestamps?: readonly PhaseTransition[];
    readonly migrationState?: MigrationState;
  };
}

export const MIGRATION_FINALIZER = 'kubevirt.io/migrationJobFinalize';
export const VMI_NAME_LABEL = 'kubevirt.io/vmi-name';
export const EVACUATION_ANNOTATION = 'kubevirt.io/evacuationMigration';
export const UNSCHEDULABLE_TIMEOUT_ANNOTATION = 'kubevirt.io/migrationUnschedulablePodTimeoutSeconds';
export const PENDING_TIMEOUT_ANNOTATION = 'kubevirt.io/migrationPendingPodTimeoutSeconds';

/** True when a migration has ended, well or not. */
export function isOver(migration: Migration): boolean {
  return migration.status?.phase === 'Succeeded' || migration.status?.phase === 'Failed';
}

/** True while memory is on its way: KubeVirt calls a guest "Migrating" from startTimestamp to endTimestamp. */
export function isMigrating(state: MigrationState | undefined): boolean {
  return state?.startTimestamp !== undefined && state.endTimestamp === undefined;
}
