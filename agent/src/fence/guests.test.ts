// How guests are ended, by the agent and by the switch on the host alike: in trees of files laid out as control groups are, and in
// real groups where the machine has them.
import { spawn, type ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bootClock } from './boot.ts';
import { sweep } from './guests.ts';
import { permissionText } from './lease-file.ts';
import { isOver, removed, until } from '../../../test/waiting.ts';

const script = join(import.meta.dirname, '../../host/idlewild-fence');
const uids = ['01234567-89ab-4def-8123-456789abcdef', 'f1234567-89ab-4def-8123-456789abcdef'] as const;
const boot = bootClock();

let root: string;
let children: ChildProcess[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iw-guests-'));
  children = [];
  // What the kernel calls a process is the name of its program.
  copyFileSync('/bin/sleep', join(root, 'qemu-system-x86_64'));
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

function aProcess(program: string): ChildProcess {
  const child = spawn(program, ['1000'], { stdio: 'ignore' });
  children.push(child);
  return child;
}
async function aGuest(): Promise<ChildProcess> {
  const child = aProcess(join(root, 'qemu-system-x86_64'));
  await until(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8').startsWith('qemu-system-'));
  return child;
}

/** A group, as files, in which these processes are. */
function group(dir: string, ...inside: ChildProcess[]): string {
  mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, dir, 'cgroup.procs'), inside.map(({ pid }) => `${pid}\n`).join(''));
  return join(root, dir);
}

interface Places {
  readonly groups?: readonly string[];
  readonly pods?: readonly string[];
}

/** The two who end guests. */
const enders = {
  'the agent': ({ groups = [], pods = [] }: Places, spared: readonly string[] = []) => {
    sweep({ groups, pods, proc: '/proc' }, new Set(spared));
  },
  'the switch': ({ groups = [], pods = [] }: Places, spared: readonly string[] = []) => {
    const lease = join(root, 'lease');
    const permission = { boot: boot.id, deadlineS: 0, pods: new Map(spared.map((pod) => [pod, boot.now() + 100])) };
    writeFileSync(lease, permissionText(permission));
    const places = [
      ...groups.flatMap((dir) => ['--guest-cgroup', dir]),
      ...pods.flatMap((dir) => ['--pods-cgroup', dir]),
    ];
    children.push(spawn('sh', [script, lease, join(root, 'beat'), ...places], { stdio: 'ignore' }));
  },
} as const;

describe.each(['the agent', 'the switch'] as const)('%s', (who) => {
  const end = enders[who];

  it('ends everything in a group of guests and below it, stopped or not', async () => {
    const [one, other] = [await aGuest(), aProcess('sleep')];
    const groups = [group('guests', one), group('empty')];
    group('guests/inner', other);
    other.kill('SIGSTOP');
    end({ groups: [...groups, join(root, 'nowhere')] });
    await until(() => isOver(one) && isOver(other));
  }, 60_000);

  it('spares pods in a group of guests', async () => {
    const [one, spared, inner] = [await aGuest(), await aGuest(), await aGuest()];
    const groups = [group('guests', one)];
    group(`guests/pod${uids[0]}`, spared);
    group(`guests/pod${uids[1]}`, inner);
    end({ groups }, [uids[0]]);
    await until(() => isOver(one) && isOver(inner));
    expect(isOver(spared)).toBe(false);
  }, 60_000);

  it('ends pods that run a guest, whole, and leaves all others alone', async () => {
    const [guest, launcher, flannel, daemon] = [
      await aGuest(),
      aProcess('sleep'),
      aProcess('sleep'),
      aProcess('sleep'),
    ];
    const pod = (uid: string): string =>
      `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`;
    group('kubepods.slice', daemon);
    group(pod(uids[0]), launcher);
    group(`${pod(uids[0])}/cri-containerd-1.scope`, guest);
    group(pod(uids[1]), flannel);
    end({ pods: [join(root, 'kubepods.slice')] });
    await until(() => isOver(guest) && isOver(launcher));
    expect([flannel, daemon].map(isOver)).toEqual([false, false]);
  }, 60_000);

  it('spares pods of a kubelet, and finds them at every level', async () => {
    const [spared, guaranteed] = [await aGuest(), await aGuest()];
    group(`kubepods/besteffort/pod${uids[0]}/c1`, spared);
    group(`kubepods/besteffort/pod${uids[0]}`);
    group(`kubepods/pod${uids[1]}`, guaranteed);
    end({ pods: [join(root, 'kubepods')] }, [uids[0]]);
    await until(() => isOver(guaranteed));
    expect(isOver(spared)).toBe(false);
  }, 60_000);

  /** The kernel's own rules need real groups; where the machine has none, files stand for them above. */
  const hierarchies = [
    { version: 'v1', dir: '/sys/fs/cgroup/freezer', freeze: { 'freezer.state': 'FROZEN' } },
    { version: 'v2', dir: '/sys/fs/cgroup/unified', freeze: { 'cgroup.freeze': '1' } },
    { version: 'v2', dir: '/sys/fs/cgroup', freeze: { 'cgroup.freeze': '1' } },
  ].filter(({ dir, freeze }) => isWritable(dir, Object.keys(freeze)[0] ?? ''));
  if (hierarchies.length > 0) {
    it.each(hierarchies)('ends what is frozen in a real group of cgroup $version', async ({ dir, freeze }) => {
      const top = join(dir, `idlewild-fence-${process.pid}`);
      const real = join(top, `pod${uids[0]}`);
      mkdirSync(real, { recursive: true });
      const guest = await aGuest();
      try {
        writeFileSync(join(real, 'cgroup.procs'), String(guest.pid));
        for (const [file, state] of Object.entries(freeze)) writeFileSync(join(real, file), state);
        end({ pods: [top] });
        await until(() => isOver(guest));
      } finally {
        guest.kill('SIGKILL');
        for (const each of [real, top]) await removed(each);
      }
    });
  }
});

function isWritable(dir: string, file: string): boolean {
  const probe = join(dir, `idlewild-probe-${process.pid}`);
  try {
    mkdirSync(probe);
  } catch {
    return false;
  }
  const isThere = existsSync(join(probe, file));
  rmdirSync(probe);
  return isThere;
}
