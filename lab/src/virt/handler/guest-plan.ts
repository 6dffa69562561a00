// From a VirtualMachineInstance to the guest that the hypervisor layer starts. Pure: both ends of a migration make equal plans.
// What this lab cannot give a guest is refused by the field's name, never left out silently.
import { createHash } from 'node:crypto';
import { quantityToBytes } from '@idlewild/operator/api/quantity.ts';
import type { GuestImage } from '../../images/guest-image.ts';
import { guestMemoryBytes, vcpusOf } from '../controller/vmi/overhead.ts';
import { hostnameOf } from '../controller/vmi/launcher-pod.ts';
import type { CloudInitSource, VirtualMachineInstance, VmiSpec, Volume } from '../model/instance.ts';
import type { Accel, GuestDisk, GuestSeed, GuestSpec } from '../qemu/guest-spec.ts';

/** Secret name to its decoded entries. */
export type SecretData = ReadonlyMap<string, Readonly<Record<string, string>>>;

const mebibyte = 2 ** 20;

export interface PlanInput {
  readonly vmi: VirtualMachineInstance;
  readonly image: GuestImage;
  readonly secrets: SecretData;
  readonly accel: Accel;
}

/** Throws an error that names the field, if the lab cannot run this instance. */
export function guestPlan({ vmi, image, secrets, accel }: PlanInput): GuestSpec {
  const { spec, metadata } = vmi;
  const seed = seedOf(vmi, secrets);
  return {
    id: `${metadata.namespace ?? 'default'}_${metadata.name}`,
    image,
    cores: vcpusOf(spec),
    memoryMiB: Math.floor(guestMemoryBytes(spec) / mebibyte),
    disks: disksOf(spec),
    ...(seed === undefined ? {} : { seed }),
    graphics: spec.domain.devices.autoattachGraphicsDevice !== false,
    pointer: spec.domain.devices.inputs?.some(({ type }) => type === 'tablet') ?? false,
    network: (spec.domain.devices.interfaces?.length ?? 0) > 0,
    macAddress: macOf(vmi),
    accel,
  };
}

/** The containerDisk that the guest boots from. Throws when there is none. */
export function imageReference(spec: VmiSpec): string {
  const reference = (spec.volumes ?? []).find((volume) => volume.containerDisk)?.containerDisk?.image;
  if (reference === undefined) throw new Error('spec.volumes: the lab boots guests from a containerDisk only');
  return reference;
}

/** The hardware address of the guest's only card: the one asked for, else one that stays with the instance. */
export function macOf({ metadata, spec }: VirtualMachineInstance): string {
  const wanted = spec.domain.devices.interfaces?.[0]?.['macAddress'];
  if (typeof wanted === 'string') return wanted;
  const hash = createHash('sha256').update(metadata.uid).digest();
  return ['02', ...[...hash.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** Volumes whose content travels with the guest; anything else would need shared storage, which the lab has not. */
export function isLocal(volume: Volume): boolean {
  return Boolean(volume.containerDisk ?? volume.emptyDisk ?? volume.cloudInitNoCloud ?? volume.cloudInitConfigDrive);
}

function disksOf(spec: VmiSpec): GuestDisk[] {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return (spec.domain.devices.disks ?? []).flatMap((disk): GuestDisk[] => {
    const volume = volumes.get(disk.name);
    const serial = disk.serial === undefined ? {} : { serial: disk.serial };
    if (volume?.containerDisk) return [{ name: disk.name, kind: 'root', ...serial }];
    if (volume?.emptyDisk) {
      const sizeMiB = Math.ceil(quantityToBytes(volume.emptyDisk.capacity ?? '1Gi') / mebibyte);
      return [{ name: disk.name, kind: 'empty', sizeMiB, ...serial }];
    }
    if (volume !== undefined && isLocal(volume)) return [];
    throw new Error(`spec.volumes[${disk.name}]: the lab has containerDisk, emptyDisk and cloud-init volumes only`);
  });
}

function seedOf(vmi: VirtualMachineInstance, secrets: SecretData): GuestSeed | undefined {
  const volume = (vmi.spec.volumes ?? []).find((each) => each.cloudInitNoCloud ?? each.cloudInitConfigDrive);
  const source = volume?.cloudInitNoCloud ?? volume?.cloudInitConfigDrive;
  if (source === undefined) return undefined;
  const networkData = networkDataOf(source, secrets);
  return {
    userData: userDataOf(source, secrets),
    metaData: `instance-id: ${vmi.metadata.uid}\nlocal-hostname: ${hostnameOf(vmi)}\n`,
    ...(networkData === undefined || networkData === '' ? {} : { networkData }),
  };
}

function userDataOf(source: CloudInitSource, secrets: SecretData): string {
  const secret = secrets.get(source.secretRef?.name ?? '');
  return secret?.['userdata'] ?? secret?.['userData'] ?? source.userData ?? decoded(source.userDataBase64) ?? '';
}

function networkDataOf(source: CloudInitSource, secrets: SecretData): string | undefined {
  const own = secrets.get(source.networkDataSecretRef?.name ?? '') ?? secrets.get(source.secretRef?.name ?? '');
  return own?.['networkdata'] ?? own?.['networkData'] ?? source.networkData ?? decoded(source.networkDataBase64);
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}
