// How much memory a launcher needs beside its guest's.
// Pure. Facts: KubeVirt pkg/hypervisor/kvm/hypervisorbackend.go (GetMemoryOverhead) and the pods it made: 296 MiB for 2 GiB and two vCPUs.
import { quantityToBytes } from '@idlewild/operator/api/quantity.ts';
import type { VmiSpec } from '../../model/instance.ts';

const MIB = 1024 ** 2;
/** launcher monitor, launcher, virtlogd, libvirtd, qemu */
const LAUNCHER_PARTS_MIB = 25 + 100 + 25 + 40 + 50;
const PER_VCPU_MIB = 8;
const IO_THREAD_MIB = 8;
const VIDEO_MIB = 32;
const PAGE_TABLE_RATIO = 512;

export function vcpusOf(spec: VmiSpec): number {
  const { cores = 1, sockets = 1, threads = 1 } = spec.domain.cpu ?? {};
  return cores * sockets * threads;
}

/** Memory that the guest is to have, in bytes; 0 when the spec says nothing (the webhooks refuse that). */
export function guestMemoryBytes(spec: VmiSpec): number {
  const { memory, resources } = spec.domain;
  const quantity = memory?.guest ?? resources?.requests?.['memory'] ?? resources?.limits?.['memory'];
  return quantity === undefined ? 0 : quantityToBytes(quantity);
}

/** In bytes. */
export function memoryOverheadBytes(spec: VmiSpec): number {
  const video = spec.domain.devices.autoattachGraphicsDevice === false ? 0 : VIDEO_MIB;
  const fixed = LAUNCHER_PARTS_MIB + vcpusOf(spec) * PER_VCPU_MIB + IO_THREAD_MIB + video;
  // Only an explicit request counts here: memory.guest alone adds no page tables to the estimate.
  const requested = spec.domain.resources?.requests?.['memory'];
  const pageTables = requested === undefined ? 0 : Math.ceil(quantityToBytes(requested) / PAGE_TABLE_RATIO);
  return fixed * MIB + pageTables;
}

/** Bytes as whole Mi where they divide, as KubeVirt prints them. */
export function inMebibytes(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB}Mi` : String(bytes);
}
