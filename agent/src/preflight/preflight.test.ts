// A machine before it joins: what is found on one that is ready, and on machines that lack one thing each.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runPreflight } from './command.ts';
import type { Finding } from './checks.ts';

const keyboard = `N: Name="AT keyboard"
H: Handlers=sysrq kbd event0
B: EV=120013
B: KEY=402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe
`;
const flags = 'fpu vmx cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3';
const route = (face: string) => `Iface\tDestination\tGateway\n${face}\t00000000\t0100000A\t0003\n`;
const fence = 'usr/local/lib/idlewild/idlewild-fence';
const ready: Readonly<Record<string, string>> = {
  'dev/kvm': '',
  'dev/input/event0': '',
  'proc/cpuinfo': `model name\t: Example CPU 3000\nflags\t\t: ${flags}\n`,
  'proc/bus/input/devices': keyboard,
  'proc/net/route': route('eth0'),
  'proc/uptime': '1000.50 3000.00\n',
  'sys/class/net/eth0/mtu': '1500\n',
  'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
  'run/systemd/timesync/synchronized': '',
  'run/systemd/seats/seat0': '',
  'run/dbus/system_bus_socket': '',
  'run/idlewild/switch': '1000.10\n',
  'etc/systemd/logind.conf.d/idlewild.conf': '[Login]\nInhibitDelayMaxSec=30\n',
  'etc/systemd/system/idlewild-fence.service': '',
  [fence]: '#!/bin/sh\n',
};

let root: string;
let space: { freeMiB: number; totalMiB: number };
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iw-preflight-'));
  space = { freeMiB: 60_000, totalMiB: 100_000 };
  for (const [path, text] of Object.entries(ready)) put(path, text);
  chmodSync(join(root, fence), 0o755);
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const remove = (path: string) => rmSync(join(root, path), { recursive: true });

function run(...args: string[]): { code: number; text: string } {
  const lines: string[] = [];
  const code = runPreflight(
    ['--root', root, ...args],
    (line) => lines.push(line),
    () => space,
  );
  return { code, text: lines.join('\n') };
}

/** The findings that are not ok. */
function found(...args: string[]): Finding[] {
  return (JSON.parse(run('--json', ...args).text) as Finding[]).filter(({ level }) => level !== 'ok');
}

describe('a machine that has all it needs', () => {
  it('can join', () => {
    const { code, text } = run();
    expect(code).toBe(0);
    expect(text).toContain('ok    KVM             guests run on the processor itself');
    expect(text).toContain('ok    disk            43.9 GiB below /var/lib can be lent');
    expect(text.split('\n').at(-1)).toBe('This machine can join.');
  });
});

describe('a machine that lacks something', () => {
  it.each<[string, () => void, string, Finding['level'], RegExp, RegExp]>([
    ['the module for KVM', () => remove('dev/kvm'), 'KVM', 'fail', /has vmx, but there is no/, /modprobe kvm_intel/],
    [
      'virtualization in its firmware',
      () => (remove('dev/kvm'), put('proc/cpuinfo', `model name : X\nflags : ${flags.replace('vmx ', '')}\n`)),
      'KVM',
      'fail',
      /does not offer virtualization/,
      /firmware/,
    ],
    [
      'instructions of the baseline',
      () => put('proc/cpuinfo', 'model name : Old CPU\nflags : vmx cx16\n'),
      'processor',
      'warn',
      /Old CPU lacks lahf_lm/,
      /older baseline/,
    ],
    [
      'a processor that says its name',
      () => put('proc/cpuinfo', 'flags : vmx\n'),
      'processor',
      'warn',
      /not known/,
      /room/,
    ],
    [
      'control groups of version 2',
      () => (remove('sys/fs/cgroup/cgroup.controllers'), put('sys/fs/cgroup/cpu/cpu.shares', '1024')),
      'control groups',
      'warn',
      /version 1/,
      /unified_cgroup_hierarchy/,
    ],
    ['any control groups', () => remove('sys/fs/cgroup'), 'control groups', 'fail', /none/, /mount/],
    [
      'the memory controller',
      () => put('sys/fs/cgroup/cgroup.controllers', 'cpu pids\n'),
      'control groups',
      'fail',
      /without memory/,
      /cgroup_enable=memory/,
    ],
    ['a clock that is kept right', () => remove('run/systemd/timesync'), 'clock', 'warn', /keep it right/, /set-ntp/],
    [
      'a network',
      () => put('proc/net/route', 'Iface\tDestination\n'),
      'network',
      'fail',
      /no default route/,
      /connect/,
    ],
    ['room in its packets', () => put('sys/class/net/eth0/mtu', '1400\n'), 'network', 'warn', /1400 bytes/, /1320/],
    ['room for a tunnel', () => put('sys/class/net/eth0/mtu', '1300\n'), 'network', 'fail', /less than 1280/, /1360/],
    [
      'disk for what it lends',
      () => (space = { freeMiB: 20_000, totalMiB: 100_000 }),
      'disk',
      'warn',
      /4.9 GiB/,
      /--disk-mib/,
    ],
    ['any disk', () => (space = { freeMiB: 10_000, totalMiB: 100_000 }), 'disk', 'fail', /0 GiB/, /15 %/],
    ['a system bus', () => remove('run/dbus'), 'logind', 'fail', /no system bus/, /mount the directory/],
    ['logind', () => remove('run/systemd/seats'), 'logind', 'fail', /no logind/, /elogind/],
    [
      'time to shut down',
      () => remove('etc/systemd/logind.conf.d'),
      'shutdown delay',
      'warn',
      /waits 5 s/,
      /InhibitDelayMaxSec=30/,
    ],
    ['a keyboard', () => put('proc/bus/input/devices', ''), 'input devices', 'warn', /no keyboard/, /--dedicated/],
    [
      'access to its keyboard',
      () => remove('dev/input/event0'),
      'input devices',
      'fail',
      /AT keyboard cannot be read/,
      /root/,
    ],
    [
      'the switch, as a machine that never joined',
      () => (remove(fence), remove('etc/systemd/system/idlewild-fence.service')),
      'switch',
      'warn',
      /not there yet/,
      /brings it once the machine has joined; else install/,
    ],
    ['the program of the switch', () => remove(fence), 'switch', 'fail', /its program is missing/, /systemctl enable/],
    [
      'the service of the switch',
      () => remove('etc/systemd/system/idlewild-fence.service'),
      'switch',
      'fail',
      /its service is missing/,
      /systemctl enable/,
    ],
    ['a switch that runs', () => put('run/idlewild/switch', '990.00\n'), 'switch', 'fail', /does not run/, /--now/],
    ['a switch that ever ran', () => remove('run/idlewild'), 'switch', 'fail', /does not run/, /--now/],
  ])('%s', (_what, spoil, check, level, words, remedy) => {
    spoil();
    const [finding, ...others] = found();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ check, level });
    expect(finding?.words).toMatch(words);
    expect(finding?.remedy).toMatch(remedy);
    expect(run().code).toBe(level === 'fail' ? 1 : 0);
  });

  it('is told in words what to do', () => {
    remove('dev/kvm');
    const { code, text } = run();
    expect(code).toBe(1);
    expect(text).toMatch(/^fail {2}KVM .*\n +-> modprobe kvm_intel/);
    expect(text).toMatch(/This machine cannot join yet: 1 of 10 checks failed\.$/);
  });

  it('needs neither hands nor logind when it has no owner', () => {
    put('proc/bus/input/devices', '');
    remove('run/dbus');
    expect(found('--dedicated')).toMatchObject([{ check: 'logind', level: 'warn' }]);
  });
});

it('a drop-in that comes later counts', () => {
  put('usr/lib/systemd/logind.conf.d/zz-desktop.conf', '[Login]\nInhibitDelayMaxSec=2min\n');
  expect(run().text).toContain('a shutdown waits up to 120 s');
});

it('a flag that is wrong is refused with its name', () => {
  expect(() => run('--disk-mib', 'much')).toThrow('--disk-mib: must be a whole number');
});
