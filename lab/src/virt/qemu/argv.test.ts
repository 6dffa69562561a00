// What a guest's command line says, and that both ends of a migration say the same.
import { describe, expect, it } from '@jest/globals';
import { qemuArgv } from './argv.ts';
import { checkSpec, guestPaths } from './guest-spec.ts';
import type { GuestSpec } from './guest-spec.ts';

const image = {
  name: 'tiny',
  digest: 'sha256:0',
  kernel: '/images/vmlinuz',
  initrd: '/images/initrd',
  append: ['quiet'],
  minMemoryMiB: 96,
  tbSizeMiB: 64,
} as const;
const spec: GuestSpec = {
  id: 'job-1',
  image,
  cores: 2,
  memoryMiB: 256,
  disks: [
    { name: 'root', kind: 'root' },
    { name: 'scratch', kind: 'empty', sizeMiB: 100, serial: 'scratch' },
  ],
  seed: { userData: '#!/bin/sh', metaData: '' },
  graphics: true,
  network: true,
  macAddress: '02:00:00:00:00:01',
  accel: 'tcg',
};
const firmwareImage = { name: 'broken', digest: 'sha256:1', append: [], minMemoryMiB: 16, tbSizeMiB: 8 } as const;

const words = (changes: Partial<GuestSpec> = {}, incoming = false): string =>
  qemuArgv({ ...spec, ...changes }, guestPaths('/a', '/s'), { incoming }).join(' ');

describe('the command line of a guest', () => {
  it.each<[string, Partial<GuestSpec>, string, boolean]>([
    ['translates with all host cores without KVM', {}, '-accel tcg,thread=multi,tb-size=64 -cpu max', true],
    ['uses KVM when told', { accel: 'kvm' }, '-accel kvm -cpu max', true],
    ['gives cores in one socket', {}, '-smp 2,sockets=1,cores=2,threads=1 -m 256M', true],
    ['boots the kernel of the image', {}, '-kernel /images/vmlinuz -initrd /images/initrd', true],
    ['leaves booting to the firmware when the image has no kernel', { image: firmwareImage }, '-kernel', false],
    ['logs the serial line', {}, 'path=/s/serial.sock,server=on,wait=off,logfile=/a/serial.log', true],
    ['makes the serial line the console', { graphics: false }, '-append console=ttyS0,115200 quiet', true],
    ['shows the console on the screen too', {}, '-append console=tty0 console=ttyS0,115200 screen quiet', true],
    ['offers the screen on a Unix socket', {}, '-vga std -vnc unix:/s/vnc.sock', true],
    ['offers no screen unless asked', { graphics: false }, '-vnc', false],
    ['has a pointer that knows where it is when asked', { pointer: true }, 'virtio-tablet-pci', true],
    ['has no such pointer unless asked', {}, 'virtio-tablet-pci', false],
    ['has no pointer without a screen', { graphics: false, pointer: true }, 'virtio-tablet-pci', false],
    ['names disks by their serial', {}, 'drive=disk-scratch,serial=scratch', true],
    ['shows the seed read-only', {}, '"dir":"/a/seed","label":"CIDATA","read-only":true', true],
    ['has no seed unless given', { seed: undefined as never }, 'vvfat', false],
    ['gives the card its address', {}, 'virtio-net-pci,id=nic0,netdev=net0,romfile=,mac=02:00:00:00:00:01', true],
    ['has no network unless asked', { network: false }, '-netdev', false],
    ['opens no TCP port', {}, '127.0.0.1', false],
  ])('%s', (_name, changes, part, present) => {
    expect(words(changes).includes(part)).toBe(present);
  });

  it('has a second serial line when somebody is to hear it', () => {
    const heard = qemuArgv(spec, guestPaths('/a', '/s'), { incoming: false, witness: '/w/pc,1.sock' }).join(' ');
    expect(heard).toContain('path=/w/pc,,1.sock,reconnect=1 -device isa-serial,chardev=witness0');
    expect(words()).not.toContain('witness');
  });

  it('differs between the ends of a migration in paths and in waiting only', () => {
    const source = qemuArgv(spec, guestPaths('/pc-1/g', '/pc-1/s'), { incoming: false });
    const target = qemuArgv(spec, guestPaths('/pc-2/g', '/pc-2/s'), { incoming: true });
    const elsewhere = source.map((word) => word.replaceAll('/pc-1/', '/pc-2/'));
    expect(target).toEqual([...elsewhere, '-S', '-incoming', 'defer']);
  });

  it('puts the devices in the order of the disks, the seed after them', () => {
    const devices = qemuArgv(spec, guestPaths('/a', '/s'), { incoming: false }).filter((word) =>
      word.startsWith('virtio-blk'),
    );
    expect(devices.map((device) => /drive=([\w-]+)/.exec(device)?.[1])).toEqual(['disk-root', 'disk-scratch', 'seed']);
  });

  it('doubles the commas of a path', () => {
    const argv = qemuArgv(spec, guestPaths('/a,b', '/s'), { incoming: false }).join(' ');
    expect(argv).toContain('logfile=/a,,b/serial.log');
  });
});

describe('a guest spec', () => {
  it.each<[string, Partial<GuestSpec>]>([
    ['id: letters', { id: 'a b' }],
    ['cores: a whole number from 1', { cores: 0 }],
    ['cores: a whole number from 1', { cores: 1.5 }],
    ['memoryMiB: a whole number from 96', { memoryMiB: 95 }],
    ['disks.name: lower-case', { disks: [{ name: 'a/b', kind: 'empty', sizeMiB: 1 }] }],
    ['disks.sizeMiB: needed', { disks: [{ name: 'a', kind: 'empty' }] }],
    ['disks.serial: 1 to 20', { disks: [{ name: 'a', kind: 'root', serial: 'x'.repeat(21) }] }],
    [
      'disks.name: each name once',
      {
        disks: [
          { name: 'a', kind: 'root' },
          { name: 'a', kind: 'root' },
        ],
      },
    ],
    ['macAddress: six pairs', { macAddress: '02:00:00' }],
  ])('is refused with %s', (message, changes) => {
    expect(() => checkSpec({ ...spec, ...changes })).toThrow(message);
  });

  it('is accepted when nothing is wrong', () => {
    expect(() => checkSpec(spec)).not.toThrow();
  });

  it('is refused a folder whose socket paths no Unix socket could have', () => {
    expect(() => guestPaths('/a', `/${'x'.repeat(100)}`)).toThrow('socketDir: ');
  });
});
