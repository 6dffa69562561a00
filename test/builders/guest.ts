// Virtual machines, their instances, launcher pods and migrations for tests, as KubeVirt makes them of what we render.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Pod } from '@idlewild/operator/api/kubernetes.ts';
import type {
  MigrationPhase,
  MigrationState,
  VirtualMachine,
  VirtualMachineCondition,
  VirtualMachineInstance,
  VirtualMachineInstanceMigration,
  VmiCondition,
  VmiPhase,
} from '@idlewild/operator/api/kubevirt.ts';
import { poolAffinity, renderVirtualMachine } from '@idlewild/operator/render/virtual-machine.ts';
import { at } from './job.ts';

const testNonce = '0123456789abcdef';

/** The virtual machine of the job's last attempt, or of attempt `number`. */
export function aVm(
  job: ComputeJob,
  o: { number?: number; deleted?: boolean; released?: boolean; conditions?: VirtualMachineCondition[] } = {},
): VirtualMachine {
  const attempts = job.status?.attempts ?? [];
  const attempt = attempts.find(({ number }) => number === o.number) ?? attempts.at(-1);
  if (!attempt) throw new Error(`${job.metadata.name} has no attempt yet`);
  const vm = renderVirtualMachine({ job, attempt, nonce: testNonce, cpuModel: 'Nehalem' });
  const metadata = { ...vm.metadata, uid: `uid-${vm.metadata.name}`, resourceVersion: '1' };
  const template = o.released
    ? { ...vm.spec.template, spec: { ...vm.spec.template.spec, affinity: poolAffinity } }
    : vm.spec.template;
  return {
    ...vm,
    metadata: { ...metadata, ...(o.deleted ? { deletionTimestamp: at(0) } : {}) },
    spec: { ...vm.spec, template },
    ...(o.conditions === undefined ? {} : { status: { conditions: o.conditions } }),
  };
}

export interface InstanceOverrides {
  readonly deleted?: boolean;
  readonly evacuate?: string;
  readonly migratable?: boolean | string;
  readonly conditions?: VmiCondition[];
  readonly migrationState?: MigrationState;
  readonly endedAt?: number;
}

export function aVmi(
  vm: VirtualMachine,
  phase: VmiPhase,
  node?: string,
  o: InstanceOverrides = {},
): VirtualMachineInstance {
  const { migratable = true } = o;
  const migration: VmiCondition =
    migratable === true
      ? { type: 'LiveMigratable', status: 'True' }
      : { type: 'LiveMigratable', status: 'False', reason: 'HostDeviceNotLiveMigratable', message: String(migratable) };
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      name: vm.metadata.name,
      namespace: vm.metadata.namespace ?? 'default',
      uid: `uid-vmi-${vm.metadata.name}`,
      labels: vm.metadata.labels ?? {},
      ownerReferences: [
        { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: vm.metadata.name, uid: vm.metadata.uid ?? '' },
      ],
      ...(o.deleted ? { deletionTimestamp: at(0) } : {}),
    },
    spec: vm.spec.template.spec,
    status: {
      phase,
      ...(node === undefined ? {} : { nodeName: node }),
      machine: { type: 'pc-q35-7.2' },
      ...(o.evacuate === undefined ? {} : { evacuationNodeName: o.evacuate }),
      ...(o.migrationState === undefined ? {} : { migrationState: o.migrationState }),
      phaseTransitionTimestamps: [{ phase, phaseTransitionTimestamp: at(o.endedAt ?? 0) }],
      conditions: [...(phase === 'Running' ? [migration] : []), ...(o.conditions ?? [])],
    },
  };
}

export function aPod(vm: VirtualMachine, node: string | undefined, status: Pod['status'] = { phase: 'Running' }): Pod {
  const name = `virt-launcher-${vm.metadata.name}-${node ?? 'pending'}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      labels: vm.metadata.labels ?? {},
    },
    spec: { containers: [], ...(node === undefined ? {} : { nodeName: node }) },
    status,
  };
}

export interface MigrationOverrides {
  readonly number?: number;
  /** Seconds after noon. */
  readonly createdAt?: number;
  readonly endedAt?: number;
  readonly state?: MigrationState;
  /** Every phase that it has been through, the last one included; only the last unless told. */
  readonly phases?: readonly MigrationPhase[];
  readonly conditions?: VmiCondition[];
  /** Made by somebody else, under this name. */
  readonly foreign?: string;
  readonly leaveReason?: 'Drained' | 'OwnerReturned';
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deleted?: boolean;
}

export function aMigration(
  vm: VirtualMachine,
  target: string,
  phase: MigrationPhase,
  o: MigrationOverrides = {},
): VirtualMachineInstanceMigration {
  const name = o.foreign ?? `${vm.metadata.name}-m${o.number ?? 1}`;
  const ours = o.foreign === undefined;
  const phases = o.phases ?? [phase];
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      labels: ours ? { ...vm.metadata.labels } : {},
      annotations: { ...(ours ? { 'idlewild.dev/leave-reason': o.leaveReason ?? 'Drained' } : {}), ...o.annotations },
      creationTimestamp: at(o.createdAt ?? 0),
      ...(o.deleted ? { deletionTimestamp: at(0) } : {}),
    },
    spec: { vmiName: vm.metadata.name, addedNodeSelector: { 'kubernetes.io/hostname': target } },
    status: {
      phase,
      phaseTransitionTimestamps: phases.map((each) => ({ phase: each, phaseTransitionTimestamp: at(o.endedAt ?? 0) })),
      ...(o.conditions === undefined ? {} : { conditions: o.conditions }),
      ...(o.state === undefined ? {} : { migrationState: o.state }),
    },
  };
}
