// What a guest takes of a machine and what a machine has left.
// Promises: pure; amounts are whole cores and MiB, rounded against the guest, so that a machine is never promised twice.
// The overhead follows KubeVirt's own estimate (pkg/hypervisor/kvm/hypervisorbackend.go).

import type { ComputeJobSpec } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { quantityToMebibytes } from '../api/quantity.ts';

export interface Amount {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
}

export const nothing: Amount = { cores: 0, memoryMiB: 0, diskMiB: 0 };

export function plus(a: Amount, b: Amount): Amount {
  return { cores: a.cores + b.cores, memoryMiB: a.memoryMiB + b.memoryMiB, diskMiB: a.diskMiB + b.diskMiB };
}

export function minus(a: Amount, b: Amount): Amount {
  return { cores: a.cores - b.cores, memoryMiB: a.memoryMiB - b.memoryMiB, diskMiB: a.diskMiB - b.diskMiB };
}

/** MiB that KubeVirt asks for beyond the guest's own memory: launcher processes, page tables, vCPUs, video. */
export function overheadMiB(guest: {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly graphics: boolean;
  readonly architecture: string;
}): number {
  const launcherMiB = 240;
  const ioThreadMiB = 8;
  const arm64MiB = guest.architecture === 'arm64' ? 128 : 0;
  return (
    Math.ceil(guest.memoryMiB / 512) +
    launcherMiB +
    ioThreadMiB +
    8 * guest.cores +
    (guest.graphics ? 32 : 0) +
    arm64MiB
  );
}

/** What a machine must have free for the job's guest, with overhead. */
export function needsOfJob(spec: ComputeJobSpec): Amount {
  const memoryMiB = quantityToMebibytes(spec.resources.memory);
  const { cores, disk } = spec.resources;
  const overhead = overheadMiB({ cores, memoryMiB, graphics: spec.console === 'VNC', architecture: spec.architecture });
  return { cores, memoryMiB: memoryMiB + overhead, diskMiB: disk === undefined ? 0 : quantityToMebibytes(disk) };
}

/** The same, read from the virtual machine itself: it counts even when its job is gone already. */
export function needsOfVm(vm: VirtualMachine): Amount {
  const { domain, volumes, architecture } = vm.spec.template.spec;
  const { cores = 1, sockets = 1, threads = 1 } = domain.cpu ?? {};
  const vcpus = cores * sockets * threads;
  const memoryMiB = quantityToMebibytes(domain.memory?.guest ?? 0);
  const graphics = domain.devices.autoattachGraphicsDevice !== false;
  const disks = (volumes ?? []).map(({ emptyDisk }) => (emptyDisk ? quantityToMebibytes(emptyDisk.capacity) : 0));
  return {
    cores: vcpus,
    memoryMiB: memoryMiB + overheadMiB({ cores: vcpus, memoryMiB, graphics, architecture: architecture ?? 'amd64' }),
    diskMiB: disks.reduce((sum, disk) => sum + disk, 0),
  };
}
