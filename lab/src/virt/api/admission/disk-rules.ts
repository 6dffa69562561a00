// What is wrong with the disks of an instance, in KubeVirt's words.
// Pure. Facts: KubeVirt pkg/storage/admitters and recorded answers.
import type { VmiSpec } from '../../model/instance.ts';
import { notALabel } from './names.ts';
import type { Cause } from './verdict.ts';

const BUSES: readonly string[] = ['virtio', 'sata', 'scsi', 'usb'];

export function diskRules(spec: VmiSpec, path: string): Cause[] {
  const disks = spec.domain.devices.disks ?? [];
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume.name));
  const causes: Cause[] = [];
  const bootOrders = new Set<number>();
  const seen = new Map<string, number>();
  for (const [index, disk] of disks.entries()) {
    const field = `${path}.domain.devices.disks[${index}]`;
    const add = (place: string, message: string): void => {
      causes.push({ reason: 'FieldValueInvalid', message, field: place });
    };
    const first = seen.get(disk.name);
    if (first !== undefined) {
      add(`${field}.name`, `${field} and ${path}.domain.devices.disks[${first}] must not have the same Name.`);
    } else seen.set(disk.name, index);
    const badName = notALabel(disk.name);
    if (badName) add(`${path}.domain.devices.disks.domain.devices.disks[${index}].name`, badName);
    if (!volumes.has(disk.name)) add(`${field}.name`, `${field}.Name '${disk.name}' not found.`);
    if (disk.bootOrder !== undefined && disk.bootOrder < 1) {
      add(`${field}.bootOrder`, `${field} must have a boot order > 0, if supplied`);
    } else if (disk.bootOrder !== undefined && bootOrders.has(disk.bootOrder)) {
      add(`${field}.bootOrder`, `Boot order for ${field}.bootOrder already set for a different device.`);
    }
    if (disk.bootOrder !== undefined) bootOrders.add(disk.bootOrder);
    for (const kind of ['disk', 'cdrom', 'lun'] as const) {
      const bus = disk[kind]?.bus;
      if (bus === 'ide') add(`${field}.${kind}.bus`, 'IDE bus is not supported');
      else if (bus && !BUSES.includes(bus)) {
        add(
          `${field}.${kind}.bus`,
          `${field} is set with an unrecognized bus ${bus}, must be one of: [${BUSES.join(' ')}]`,
        );
      }
    }
  }
  return causes;
}
