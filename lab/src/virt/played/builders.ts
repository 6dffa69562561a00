// Builders of objects for the tables of decisions: a whole object from the few words that matter to a case.
import type { Condition } from '../../model/meta.ts';
import {
  VM_FINALIZER,
  VMI_FINALIZER,
  type RunStrategy,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VmiSpec,
  type VmiStatus,
  type VmStatus,
} from '../model/instance.ts';
import { MIGRATION_JOB_LABEL, type LauncherPod } from '../model/launcher-pod.ts';
import { MIGRATION_FINALIZER, type Migration, type MigrationState } from '../model/migration.ts';
import { withVmiDefaults } from '../defaults/vmi-defaults.ts';

/** 2026-01-01T00:00:00Z */
export const NOW = Date.UTC(2026, 0, 1);
export const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString().replace('.000Z', 'Z');

export const spec: VmiSpec = {
  architecture: 'amd64',
  evictionStrategy: 'External',
  terminationGracePeriodSeconds: 30,
  domain: {
    cpu: { cores: 2, model: 'qemu64' },
    memory: { guest: '2Gi' },
    machine: { type: 'q35' },
    resources: {},
    devices: {
      rng: {},
      disks: [{ name: 'root', disk: { bus: 'virtio' } }],
      interfaces: [{ name: 'default', masquerade: {} }],
    },
  },
  networks: [{ name: 'default', pod: {} }],
  volumes: [{ name: 'root', containerDisk: { image: 'lab/tiny:1' } }],
};

interface VmWords {
  readonly status?: VmStatus;
  readonly spec?: Partial<VmiSpec>;
  readonly deleting?: boolean;
  readonly finalizers?: string[];
  readonly generation?: number;
}

export function aVm(runStrategy: RunStrategy, words: VmWords = {}): VirtualMachine {
  return {
    metadata: {
      ...{ name: 'job', namespace: 'lab', uid: 'vm-uid', generation: words.generation ?? 1 },
      finalizers: words.finalizers ?? [VM_FINALIZER],
      ...(words.deleting ? { deletionTimestamp: at(0) } : {}),
    },
    spec: { runStrategy, template: { metadata: { labels: { job: 'job' } }, spec: { ...spec, ...words.spec } } },
    ...(words.status ? { status: words.status } : {}),
  };
}

interface VmiWords {
  readonly uid?: string;
  readonly deleting?: boolean;
  readonly ran?: boolean;
  readonly status?: Partial<VmiStatus>;
  readonly spec?: Partial<VmiSpec>;
  readonly finalizers?: string[];
  readonly labels?: Record<string, string>;
}

export function aVmi(phase: NonNullable<VmiStatus['phase']>, words: VmiWords = {}): VirtualMachineInstance {
  const ran = words.ran ?? phase === 'Running';
  return {
    metadata: {
      ...{ name: 'job', namespace: 'lab', uid: words.uid ?? 'vmi-uid' },
      labels: words.labels ?? { job: 'job' },
      annotations: { 'kubevirt.io/vm-generation': '1' },
      finalizers: words.finalizers ?? [VM_FINALIZER, VMI_FINALIZER],
      ...(words.deleting ? { deletionTimestamp: at(0) } : {}),
    },
    spec: withVmiDefaults({ ...spec, ...words.spec }),
    status: {
      phase,
      phaseTransitionTimestamps: ran ? [{ phase: 'Running', phaseTransitionTimestamp: at(0) }] : [],
      ...words.status,
    },
  };
}

export const condition = (type: string, status: 'True' | 'False' = 'True', reason?: string): Condition => ({
  ...{ type, status },
  ...(reason ? { reason, message: `because of ${reason}` } : {}),
});

interface PodWords {
  readonly node?: string;
  readonly uid?: string;
  readonly phase?: string;
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly migration?: string;
  readonly conditions?: readonly Condition[];
  readonly created?: number;
  readonly digest?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly waiting?: string;
}

export function aPod(words: PodWords = {}): LauncherPod {
  const running = words.phase === 'Running';
  return {
    metadata: {
      ...{ name: `virt-launcher-job-${words.uid ?? 'a'}`, namespace: 'lab', uid: words.uid ?? 'a' },
      creationTimestamp: at(words.created ?? 0),
      labels: { ...words.labels, ...(words.migration ? { [MIGRATION_JOB_LABEL]: words.migration } : {}) },
      annotations: { ...words.annotations },
      ...(words.deleting ? { deletionTimestamp: at(0) } : {}),
    },
    spec: { containers: [{ name: 'compute' }], ...(words.node ? { nodeName: words.node } : {}) },
    status: {
      phase: words.phase ?? 'Pending',
      conditions: words.conditions ?? [],
      containerStatuses: running ? [{ name: 'compute', ready: words.ready ?? true, state: { running: {} } }] : [],
      initContainerStatuses: [
        {
          name: 'volumeroot',
          imageID: words.digest === undefined ? `lab/tiny@sha256:${'ab'.repeat(32)}` : words.digest,
          state: words.waiting ? { waiting: { reason: words.waiting, message: 'no such image' } } : {},
        },
      ],
    },
  };
}

interface MigrationWords {
  readonly uid?: string;
  readonly vmi?: string;
  readonly deleting?: boolean;
  readonly created?: number;
  readonly ended?: number;
  readonly annotations?: Record<string, string>;
  readonly addedNodeSelector?: Record<string, string>;
}

export function aMigration(
  phase: NonNullable<Migration['status']>['phase'] | undefined,
  words: MigrationWords = {},
): Migration {
  const uid = words.uid ?? 'mig';
  const times = phase && words.ended !== undefined ? [{ phase, phaseTransitionTimestamp: at(words.ended) }] : [];
  return {
    metadata: {
      ...{
        name: uid,
        namespace: 'lab',
        uid,
        finalizers: [MIGRATION_FINALIZER],
        creationTimestamp: at(words.created ?? 0),
      },
      annotations: words.annotations ?? {},
      ...(words.deleting ? { deletionTimestamp: at(0) } : {}),
    },
    spec: {
      vmiName: words.vmi ?? 'job',
      ...(words.addedNodeSelector ? { addedNodeSelector: words.addedNodeSelector } : {}),
    },
    ...(phase ? { status: { phase, phaseTransitionTimestamps: times } } : {}),
  };
}

/** The migrationState of migration "mig" from pc-1 to pc-2, after the hand-off to the machines. */
export function aState(fields: Partial<MigrationState> = {}): MigrationState {
  return { migrationUid: 'mig', sourceNode: 'pc-1', sourcePod: 'virt-launcher-job-a', targetNode: 'pc-2', ...fields };
}
