// The command line of a guest's QEMU. Pure.
// Promise: for equal specs the guest-visible part (machine, processor, memory, devices and their order) is equal, so that a
// state saved by one process loads in the other; only paths and the incoming flags differ.
import type { GuestDisk, GuestPaths, GuestSpec } from './guest-spec.ts';

export const machineType = 'q35';

export interface ArgvOptions {
  /** Wait for a migration instead of booting; the guest stays stopped after it has arrived. */
  readonly incoming: boolean;
  /** A Unix socket where somebody hears what the guest says on a second serial line; there is none without. */
  readonly witness?: string | undefined;
}

export function qemuArgv(spec: GuestSpec, paths: GuestPaths, options: ArgvOptions): string[] {
  return [
    ...['-name', `guest=${spec.id}`, '-nodefaults', '-no-user-config', '-display', 'none'],
    ...machine(spec),
    ...boot(spec),
    ...['-qmp', `unix:${comma(paths.qmpSocket)},server=on,wait=off`],
    ...serial(paths),
    ...(options.witness === undefined ? [] : witness(options.witness)),
    ...agent(paths),
    // Reports a kernel panic to us, instead of a guest that burns a core for ever.
    ...['-device', 'pvpanic'],
    ...spec.disks.flatMap((disk, index) => diskDevice(disk, paths.disk(disk.name), index)),
    ...(spec.seed === undefined ? [] : seedDevice(paths.seedDir)),
    ...(spec.network ? network(spec.macAddress) : []),
    ...['-device', 'virtio-rng-pci,id=rng0'],
    ...(spec.graphics ? screen(paths, spec.pointer === true) : []),
    // An incoming guest is started by us, after its disks are ours alone.
    ...(options.incoming ? ['-S', '-incoming', 'defer'] : []),
  ];
}

/** Name of the block node behind a disk; also the name of its migration export. */
export function diskNode(disk: GuestDisk): string {
  return `disk-${disk.name}`;
}

function machine(spec: GuestSpec): string[] {
  const accel = spec.accel === 'kvm' ? 'kvm' : `tcg,thread=multi,tb-size=${spec.image.tbSizeMiB}`;
  return [
    ...['-machine', machineType, '-accel', accel, '-cpu', 'max'],
    ...['-smp', `${spec.cores},sockets=1,cores=${spec.cores},threads=1`, '-m', `${spec.memoryMiB}M`],
  ];
}

function boot({ image, graphics }: GuestSpec): string[] {
  if (image.kernel === undefined || image.initrd === undefined) return [];
  // The last console= is where the guest's own start-up speaks: always the serial line, which is what is logged.
  const consoles = graphics ? ['console=tty0', 'console=ttyS0,115200', 'screen'] : ['console=ttyS0,115200'];
  return ['-kernel', image.kernel, '-initrd', image.initrd, '-append', [...consoles, ...image.append].join(' ')];
}

function serial(paths: GuestPaths): string[] {
  const chardev = `socket,id=serial0,path=${comma(paths.serialSocket)},server=on,wait=off`;
  return ['-chardev', `${chardev},logfile=${comma(paths.serialLog)}`, '-device', 'isa-serial,chardev=serial0'];
}

function witness(socket: string): string[] {
  // Who is not there misses what is said: a guest must never wait for a listener.
  const chardev = `socket,id=witness0,path=${comma(socket)},reconnect=1`;
  return ['-chardev', chardev, '-device', 'isa-serial,chardev=witness0'];
}

function agent(paths: GuestPaths): string[] {
  return [
    ...['-chardev', `socket,id=agent0,path=${comma(paths.agentSocket)},server=on,wait=off`],
    ...['-device', 'virtio-serial-pci,id=ports0'],
    ...['-device', 'virtserialport,id=agent,bus=ports0.0,chardev=agent0,name=org.qemu.guest_agent.0'],
  ];
}

function diskDevice(disk: GuestDisk, file: string, index: number): string[] {
  const node = diskNode(disk);
  const blockdev = { driver: 'qcow2', 'node-name': node, file: { driver: 'file', filename: file } };
  const serialNumber = disk.serial === undefined ? '' : `,serial=${disk.serial}`;
  // Boot index 0 belongs to direct kernel boot.
  return [
    ...['-blockdev', JSON.stringify(blockdev)],
    ...['-device', `virtio-blk-pci,id=vd${index},drive=${node}${serialNumber},bootindex=${index + 1}`],
  ];
}

function seedDevice(dir: string): string[] {
  // Read-only it has no state of its own and so does not hinder a live migration.
  const blockdev = { driver: 'vvfat', 'node-name': 'seed', dir, label: 'CIDATA', 'read-only': true };
  return ['-blockdev', JSON.stringify(blockdev), '-device', 'virtio-blk-pci,id=seed,drive=seed'];
}

function network(macAddress: string | undefined): string[] {
  // An empty romfile: nobody boots from the network, and loading the boot ROM costs time.
  const device = 'virtio-net-pci,id=nic0,netdev=net0,romfile=';
  return ['-netdev', 'user,id=net0', '-device', macAddress === undefined ? device : `${device},mac=${macAddress}`];
}

function screen(paths: GuestPaths, pointer: boolean): string[] {
  return [
    ...['-vga', 'std', '-vnc', `unix:${comma(paths.vncSocket)}`],
    // Without one the guest's pointer drifts away from a browser's. Whatever bus is asked for: the lab's images know this one.
    ...(pointer ? ['-device', 'virtio-tablet-pci,id=tablet0'] : []),
  ];
}

/** In QEMU's option lists a comma is written twice. */
function comma(path: string): string {
  return path.replaceAll(',', ',,');
}
