// What a guest takes of a machine and what a machine has left.
// Promises: pure; amounts are whole cores, processors and MiB, rounded against the guest, so that a machine is never promised
// twice. The overhead follows KubeVirt's own estimate (pkg/hypervisor/kvm/hypervisorbackend.go).

import type { ComputeJobSpec } from '../api/compute-job.ts';
import type { VirtualMachine, VirtualMachineInstanceSpec } from '../api/kubevirt.ts';
import { quantityToMebibytes } from '../api/quantity.ts';
import { annotations } from './names.ts';

export interface Amount {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  /** Memory of the machine's own graphics, of which each guest with a screen takes a share. */
  readonly graphicsMiB: number;
  /** Whole graphics processors that are handed through. */
  readonly gpus: number;
}

export const nothing: Amount = { cores: 0, memoryMiB: 0, diskMiB: 0, graphicsMiB: 0, gpus: 0 };

export function plus(a: Amount, b: Amount): Amount {
  return {
    cores: a.cores + b.cores,
    memoryMiB: a.memoryMiB + b.memoryMiB,
    diskMiB: a.diskMiB + b.diskMiB,
    graphicsMiB: a.graphicsMiB + b.graphicsMiB,
    gpus: a.gpus + b.gpus,
  };
}

export function minus(a: Amount, b: Amount): Amount {
  return {
    cores: a.cores - b.cores,
    memoryMiB: a.memoryMiB - b.memoryMiB,
    diskMiB: a.diskMiB - b.diskMiB,
    graphicsMiB: a.graphicsMiB - b.graphicsMiB,
    gpus: a.gpus - b.gpus,
  };
}

/** The smaller of both, each kind for itself. */
export function least(a: Amount, b: Amount): Amount {
  return {
    cores: Math.min(a.cores, b.cores),
    memoryMiB: Math.min(a.memoryMiB, b.memoryMiB),
    diskMiB: Math.min(a.diskMiB, b.diskMiB),
    graphicsMiB: Math.min(a.graphicsMiB, b.graphicsMiB),
    gpus: Math.min(a.gpus, b.gpus),
  };
}

export function fits(needs: Amount, free: Amount): boolean {
  return (
    needs.cores <= free.cores &&
    needs.memoryMiB <= free.memoryMiB &&
    needs.diskMiB <= free.diskMiB &&
    needs.graphicsMiB <= free.graphicsMiB &&
    needs.gpus <= free.gpus
  );
}

/** MiB that a launcher pod asks for beyond the guest's own memory: its processes, page tables, vCPUs, video, devices, sidecars. */
export function overheadMiB(guest: {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly graphics: boolean;
  readonly gpus: number;
  readonly architecture: string;
}): number {
  const launcherMiB = 240;
  const ioThreadMiB = 8;
  // 35 MB for guest-console-log, and 1 MB for the holder of a disk's image where that is not mounted (serialconsolelog.go).
  const sidecarsMiB = 35;
  const vfioMiB = 1024;
  const arm64MiB = guest.architecture === 'arm64' ? 128 : 0;
  return (
    Math.ceil(guest.memoryMiB / 512) +
    launcherMiB +
    ioThreadMiB +
    sidecarsMiB +
    8 * guest.cores +
    (guest.graphics ? 32 : 0) +
    (guest.gpus > 0 ? vfioMiB : 0) +
    arm64MiB
  );
}

/** What a machine must have free for the job's guest, with overhead. */
export function needsOfJob(spec: ComputeJobSpec): Amount {
  const memoryMiB = quantityToMebibytes(spec.resources.memory);
  const { cores, disk, graphicsMemory, gpus } = spec.resources;
  const graphics = spec.console === 'VNC';
  return {
    cores,
    memoryMiB: memoryMiB + overheadMiB({ cores, memoryMiB, graphics, gpus, architecture: spec.architecture }),
    diskMiB: disk === undefined ? 0 : quantityToMebibytes(disk),
    graphicsMiB: graphicsMemory === undefined ? 0 : quantityToMebibytes(graphicsMemory),
    gpus,
  };
}

/** The same, read from the virtual machine itself: it counts even when its job is gone already. */
export function needsOfVm(vm: VirtualMachine): Amount {
  return needsOfGuest(vm.spec.template.spec, vm.spec.template.metadata?.annotations);
}

/** @param own annotations of the instance, or of the template it is made from. */
export function needsOfGuest(
  { domain, volumes, architecture = 'amd64' }: VirtualMachineInstanceSpec,
  own: Readonly<Record<string, string>> | undefined,
): Amount {
  const { cores = 1, sockets = 1, threads = 1 } = domain.cpu ?? {};
  const vcpus = cores * sockets * threads;
  const memoryMiB = quantityToMebibytes(domain.memory?.guest ?? 0);
  const graphics = domain.devices.autoattachGraphicsDevice !== false;
  const gpus = domain.devices.gpus?.length ?? 0;
  const disks = (volumes ?? []).map(({ emptyDisk }) => (emptyDisk ? quantityToMebibytes(emptyDisk.capacity) : 0));
  const graphicsText = own?.[annotations.graphicsMemory];
  return {
    cores: vcpus,
    memoryMiB: memoryMiB + overheadMiB({ cores: vcpus, memoryMiB, graphics, gpus, architecture }),
    diskMiB: disks.reduce((sum, disk) => sum + disk, 0),
    graphicsMiB: graphicsText !== undefined && /^\d{1,9}$/.test(graphicsText) ? Number(graphicsText) : 0,
    gpus,
  };
}
