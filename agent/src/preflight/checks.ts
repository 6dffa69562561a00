// Whether a machine can join a pool, one question after the other.
// Promises: pure over the files it is given; every finding that is not ok says what to do about it. `fail`: guests would not run, or
// their owner would not be safe from them; `warn`: the machine works, and less well.

import { humanDevices } from '../sensors/input-devices.ts';
import type { HostFiles } from './facts.ts';

export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly words: string;
  /** What to do; absent when all is well. */
  readonly remedy?: string;
}

export interface Wanted {
  /** What the machine is to lend of its disk. */
  readonly diskMiB: number;
  /** It has no owner. */
  readonly dedicated: boolean;
}

type Check = (files: HostFiles, wanted: Wanted) => Omit<Finding, 'check'>;

/** Kubelet evicts pods when less than this part of the disk is free (nodefs.available, imagefs.available). */
const keptFree = 0.15;
/** What a WireGuard tunnel adds to a packet over IPv6. */
const tunnelBytes = 80;
/** IPv6 asks for this much of every link. */
const leastMtu = 1280;
/** Older than that, the switch does not run, s. */
const staleBeatSeconds = 3;
/** Instructions that every guest of a pool with the usual baseline may use (x86-64-v2). */
const baselineFlags = ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'];

const checks: Readonly<Record<string, Check>> = {
  KVM: kvm,
  processor,
  'control groups': controlGroups,
  clock,
  network,
  disk,
  logind,
  'shutdown delay': shutdownDelay,
  'input devices': inputDevices,
  switch: switchInstalled,
};

/** All of them, in this order. */
export function preflight(files: HostFiles, wanted: Wanted): Finding[] {
  return Object.entries(checks).map(([check, look]) => ({ check, ...look(files, wanted) }));
}

function kvm(files: HostFiles): Omit<Finding, 'check'> {
  if (files.exists('dev/kvm')) {
    return files.readable('dev/kvm') && files.writable('dev/kvm')
      ? { level: 'ok', words: 'guests run on the processor itself' }
      : { level: 'fail', words: '/dev/kvm cannot be used', remedy: 'run this as root, or mount /dev of the host' };
  }
  const flags = flagsOf(files);
  const [feature, module] = flags.has('svm') ? ['svm', 'kvm_amd'] : flags.has('vmx') ? ['vmx', 'kvm_intel'] : [];
  return feature === undefined
    ? {
        level: 'fail',
        words: 'the processor does not offer virtualization',
        remedy: 'switch on VT-x or AMD-V (SVM) in the firmware; in a virtual machine, allow nested virtualization',
      }
    : {
        level: 'fail',
        words: `the processor has ${feature}, but there is no /dev/kvm`,
        remedy: `modprobe ${module}, and add ${module} to /etc/modules-load.d/kvm.conf`,
      };
}

function processor(files: HostFiles): Omit<Finding, 'check'> {
  const text = files.text('proc/cpuinfo') ?? '';
  const model = /^model name\s*:\s*(.+)$/m.exec(text)?.[1];
  if (model === undefined) {
    const words = 'its model is not known; guests move only between machines of one kind of processor';
    return { level: 'warn', words, remedy: 'put machines of this kind into a room of their own' };
  }
  const flags = flagsOf(files);
  const missing = baselineFlags.filter((flag) => !flags.has(flag));
  if (missing.length === 0) return { level: 'ok', words: `${model}, with all of x86-64-v2` };
  return {
    level: 'warn',
    words: `${model} lacks ${missing.join(', ')}`,
    remedy: 'guests of a pool with the baseline Nehalem or newer do not start here; choose an older baseline for all',
  };
}

function controlGroups(files: HostFiles): Omit<Finding, 'check'> {
  const controllers = files.text('sys/fs/cgroup/cgroup.controllers')?.trim().split(/\s+/);
  if (controllers === undefined) {
    return files.exists('sys/fs/cgroup/cpu')
      ? {
          level: 'warn',
          words: 'version 1: guests are held back for the owner, but Kubernetes gives version 1 up',
          remedy: 'boot with systemd.unified_cgroup_hierarchy=1',
        }
      : {
          level: 'fail',
          words: 'none are mounted',
          remedy: 'mount /sys/fs/cgroup of the host, or use a systemd system',
        };
  }
  const missing = ['cpu', 'memory', 'pids'].filter((name) => !controllers.includes(name));
  return missing.length === 0
    ? { level: 'ok', words: 'version 2' }
    : {
        level: 'fail',
        words: `version 2, without ${missing.join(', ')}`,
        remedy: 'take cgroup_disable= off the kernel command line; on some boards add cgroup_enable=memory',
      };
}

function clock(files: HostFiles): Omit<Finding, 'check'> {
  const by = [
    ['run/systemd/timesync/synchronized', 'systemd-timesyncd'],
    ['run/chrony/chronyd.pid', 'chrony'],
    ['run/chronyd.pid', 'chrony'],
    ['run/ntpd.pid', 'ntpd'],
  ].find(([path = '']) => files.exists(path))?.[1];
  if (by !== undefined) return { level: 'ok', words: `kept right by ${by}` };
  return {
    level: 'warn',
    words: 'nothing seems to keep it right; leases do not depend on it, but certificates, tokens and logs do',
    remedy: 'timedatectl set-ntp true, or install chrony',
  };
}

function network(files: HostFiles): Omit<Finding, 'check'> {
  const route = /^(\S+)\s+00000000\s/m.exec(files.text('proc/net/route') ?? '')?.[1];
  if (route === undefined)
    return { level: 'fail', words: 'there is no default route', remedy: 'connect the machine to the network' };
  const mtu = Number(files.text(`sys/class/net/${route}/mtu`));
  const inTunnel = mtu - tunnelBytes;
  if (!(inTunnel >= leastMtu)) {
    const words = `${route} carries packets of ${mtu || 'an unknown number of'} bytes, and a tunnel leaves less than ${leastMtu}`;
    return { level: 'fail', words, remedy: `set an MTU of at least ${leastMtu + tunnelBytes} on ${route}` };
  }
  if (mtu < 1500) {
    const remedy = `k3s takes ${inTunnel} for guests here; machines with another MTU must agree on the least (flannel's MTU)`;
    return { level: 'warn', words: `${route} carries packets of ${mtu} bytes`, remedy };
  }
  return { level: 'ok', words: `${route} carries packets of ${mtu} bytes, ${inTunnel} in a tunnel` };
}

function disk(files: HostFiles, { diskMiB }: Wanted): Omit<Finding, 'check'> {
  const space = files.space('var/lib/rancher');
  if (space === undefined)
    return { level: 'fail', words: 'it cannot be looked at', remedy: 'run this as root on the host' };
  const usable = Math.max(0, Math.floor(space.freeMiB - keptFree * space.totalMiB));
  const words = `${gib(usable)} GiB below /var/lib can be lent`;
  if (usable >= diskMiB) return { level: 'ok', words };
  const remedy = `guests are evicted when less than 15 % are free: free some, lend less than ${gib(diskMiB)} GiB (--disk-mib), or move /var/lib/rancher`;
  return { level: usable === 0 ? 'fail' : 'warn', words, remedy };
}

function logind(files: HostFiles, { dedicated }: Wanted): Omit<Finding, 'check'> {
  const bus = files.exists('run/dbus/system_bus_socket');
  if (bus && files.exists('run/systemd/seats'))
    return { level: 'ok', words: 'sessions, locks and shutdowns are heard of' };
  const words = bus ? 'the system bus is there, but no logind' : 'there is no system bus';
  const remedy = bus
    ? 'install systemd-logind or elogind'
    : 'install dbus; in a container, mount the directory /run/dbus';
  return { level: dedicated ? 'warn' : 'fail', words: `${words}: logins and shutdowns would not be noticed`, remedy };
}

/** Of logind's files the later in this order counts, and in a directory the last by name. */
function shutdownDelay(files: HostFiles): Omit<Finding, 'check'> {
  const dropIns = ['usr/lib', 'run', 'etc'].flatMap((dir) =>
    files.list(`${dir}/systemd/logind.conf.d`).map((name) => ({ name, path: `${dir}/systemd/logind.conf.d/${name}` })),
  );
  const byName = dropIns.filter(({ name }) => name.endsWith('.conf')).sort((a, b) => (a.name < b.name ? -1 : 1));
  let seconds = 5;
  for (const path of ['etc/systemd/logind.conf', ...byName.map((each) => each.path)]) {
    const set = [...(files.text(path) ?? '').matchAll(/^InhibitDelayMaxSec=(\d+)(min)?s?\s*$/gm)].at(-1);
    if (set) seconds = Number(set[1]) * (set[2] === undefined ? 1 : 60);
  }
  if (seconds >= 30) return { level: 'ok', words: `a shutdown waits up to ${seconds} s for guests to leave` };
  return {
    level: 'warn',
    words: `a shutdown waits ${seconds} s, in which hardly any guest can leave`,
    remedy: 'put "[Login]" and "InhibitDelayMaxSec=30" into /etc/systemd/logind.conf.d/idlewild.conf',
  };
}

function inputDevices(files: HostFiles, { dedicated }: Wanted): Omit<Finding, 'check'> {
  const devices = humanDevices(files.text('proc/bus/input/devices') ?? '');
  if (devices.length === 0) {
    return dedicated
      ? { level: 'ok', words: 'none, and nobody to use them' }
      : {
          level: 'warn',
          words: 'there is no keyboard and no mouse: only logins tell of an owner',
          remedy: 'plug them in, or say --dedicated if the machine has no owner',
        };
  }
  const closed = devices.filter(({ node }) => !files.readable(`dev/input/${node}`));
  if (closed.length === 0) return { level: 'ok', words: devices.map(({ name }) => name).join(', ') };
  return {
    level: dedicated ? 'warn' : 'fail',
    words: `${closed.map(({ name }) => name).join(', ')} cannot be read: an owner would not be noticed`,
    remedy: 'run the agent as root, in a pod with /dev/input of the host and privileged',
  };
}

function switchInstalled(files: HostFiles): Omit<Finding, 'check'> {
  const program = files.executable('usr/local/lib/idlewild/idlewild-fence');
  const unit = ['etc', 'usr/lib', 'lib'].some((dir) => files.exists(`${dir}/systemd/system/idlewild-fence.service`));
  const remedy =
    'install idlewild-fence to /usr/local/lib/idlewild and idlewild-fence.service to /etc/systemd/system, then systemctl enable --now idlewild-fence';
  if (!program && !unit) {
    return {
      level: 'warn',
      words: 'not there yet: without it the machine is not trusted with exclusive jobs',
      remedy: `nothing with the chart, whose agent brings it once the machine has joined; else ${remedy}`,
    };
  }
  if (!program || !unit) {
    const words = `${program ? 'its service' : 'its program'} is missing: the machine would not be trusted with exclusive jobs`;
    return { level: 'fail', words, remedy };
  }
  const beat = Number(files.text('run/idlewild/switch')?.trim().split(/\s+/)[0] ?? 'none');
  const now = Number(files.text('proc/uptime')?.split(' ')[0] ?? 'none');
  if (now - beat <= staleBeatSeconds) return { level: 'ok', words: 'installed, and at work' };
  return { level: 'fail', words: 'installed, but it does not run', remedy: 'systemctl enable --now idlewild-fence' };
}

function flagsOf(files: HostFiles): ReadonlySet<string> {
  const line = /^flags\s*:\s*(.*)$/m.exec(files.text('proc/cpuinfo') ?? '')?.[1];
  return new Set((line ?? '').split(/\s+/));
}

function gib(mib: number): number {
  return Math.round((mib / 1024) * 10) / 10;
}
