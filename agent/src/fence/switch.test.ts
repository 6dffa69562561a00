// The switch on the host as the program that it is: when it lets guests live, when not, and what it tells the agent.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bootClock } from './boot.ts';
import { parsePermission, permissionText, withdrawPermission, writePermission } from './lease-file.ts';
import { isBeating, readBeat } from './switch.ts';
import { isOver, until } from '../../../test/waiting.ts';

const script = join(import.meta.dirname, '../../host/idlewild-fence');
const boot = bootClock();
const uid = '01234567-89ab-4def-8123-456789abcdef';

let root: string;
let children: ChildProcess[];
const lease = () => join(root, 'lease');
const beat = () => join(root, 'beat');
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iw-switch-'));
  children = [];
  copyFileSync('/bin/sleep', join(root, 'qemu-system-x86_64'));
  for (const dir of ['guests', `guests/pod${uid}`]) {
    mkdirSync(join(root, dir));
    writeFileSync(join(root, dir, 'cgroup.procs'), '');
  }
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

function started(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  return child;
}
function aGuest(dir = 'guests'): ChildProcess {
  const child = started(join(root, 'qemu-system-x86_64'), ['1000']);
  writeFileSync(join(root, dir, 'cgroup.procs'), `${child.pid}\n`);
  return child;
}
const theSwitch = (): ChildProcess => started('sh', [script, lease(), beat(), '--guest-cgroup', join(root, 'guests')]);

/** So many more beats. */
async function turns(count: number): Promise<void> {
  for (let before = readBeat(beat()); count > 0; before = readBeat(beat()), count--) {
    await until(() => readBeat(beat()) !== before && readBeat(beat()) !== '');
  }
}

const permit = (deadlineS: number, o: { bootId?: string; pods?: ReadonlyMap<string, number> } = {}): void =>
  writePermission(lease(), { boot: o.bootId ?? boot.id, deadlineS, pods: o.pods ?? new Map() });

describe('the switch', () => {
  it('lets guests live as long as they may, and not longer', async () => {
    const deadlineS = boot.now() + 3;
    permit(deadlineS);
    const guest = aGuest();
    let diedS = 0;
    guest.once('exit', () => (diedS = boot.now()));
    theSwitch();
    await until(() => isOver(guest));
    expect(diedS).toBeGreaterThanOrEqual(deadlineS);
  }, 60_000);

  it.each<[string, () => void]>([
    ['there is no permission', () => undefined],
    ['it is of another boot', () => permit(boot.now() + 100, { bootId: 'another' })],
    ['it is over', () => permit(boot.now() - 0.1)],
    ['it is empty', () => writeFileSync(lease(), '')],
    ['it is cut off', () => writeFileSync(lease(), `${boot.id} `)],
    ['it is nonsense', () => writeFileSync(lease(), `${boot.id} soon\n`)],
    ['it says more than it should', () => writeFileSync(lease(), `${boot.id} ${boot.now() + 100} more\n`)],
    ['it is not to be read', () => mkdirSync(lease())],
    ['it is for longer than any machine runs', () => writeFileSync(lease(), `${boot.id} 99999999999999999999\n`)],
  ])('ends guests when %s', async (_what, prepare) => {
    prepare();
    const guest = aGuest();
    guest.kill('SIGSTOP');
    theSwitch();
    await until(() => isOver(guest));
  });

  it('ends guests that start after the permission was over, too', async () => {
    permit(boot.now() - 1);
    theSwitch();
    await turns(1);
    const late = aGuest();
    await until(() => isOver(late));
  }, 60_000);

  it('lets them live again when they may', async () => {
    theSwitch();
    await turns(1);
    permit(boot.now() + 100);
    await turns(2);
    const guest = aGuest();
    await turns(3);
    expect(isOver(guest)).toBe(false);
    withdrawPermission(lease());
    await until(() => isOver(guest));
  }, 60_000);

  it('spares a pod for as long as its own line says', async () => {
    const deadlineS = boot.now() + 4;
    permit(boot.now() - 1, { pods: new Map([[uid, deadlineS]]) });
    const [guest, spared] = [aGuest(), aGuest(`guests/pod${uid}`)];
    let diedS = 0;
    spared.once('exit', () => (diedS = boot.now()));
    theSwitch();
    await until(() => isOver(guest));
    await until(() => isOver(spared));
    expect(diedS).toBeGreaterThanOrEqual(deadlineS);
  }, 60_000);

  it('ends guests once, whatever they may, when it is stopped', async () => {
    permit(boot.now() + 100, { pods: new Map([[uid, boot.now() + 100]]) });
    const [guest, other] = [aGuest(), aGuest(`guests/pod${uid}`)];
    const child = started('sh', [script, lease(), beat(), '--once', '--guest-cgroup', join(root, 'guests')]);
    await until(() => isOver(guest) && isOver(other) && isOver(child));
    expect(child.exitCode).toBe(0);
  }, 60_000);

  it('beats while it is there, and only then', async () => {
    writeFileSync(beat(), '99999999.99\n');
    expect(isBeating(readBeat(beat()), boot.now())).toBe(false);
    const child = theSwitch();
    await until(() => isBeating(readBeat(beat()), boot.now()));
    await turns(2);
    child.kill('SIGKILL');
    await until(() => !isBeating(readBeat(beat()), boot.now()));
  }, 60_000);

  it.each([[[]], [['lease', 'beat', '--dance', 'x']], [['lease', 'beat', '--guest-cgroup']]])(
    'refuses %j, and says what is allowed',
    async (args) => {
      const child = started('sh', [script, ...args]);
      const words: Buffer[] = [];
      child.stderr?.on('data', (chunk: Buffer) => words.push(chunk));
      const [code] = (await once(child, 'close')) as [number];
      expect([code, Buffer.concat(words).toString()]).toEqual([2, expect.stringContaining('usage: idlewild-fence')]);
    },
  );
});

describe('a beat', () => {
  it.each([
    ['100.25\n', 100.5, true],
    ['100.25\n', 103.2, true],
    ['100.25\n', 103.5, false],
    ['100.25\n', 99.9, true],
    ['100.25\n', 99.5, false],
    ['', 1, false],
    ['soon', 1, false],
  ])('of %j at %d s: %s', (text, nowS, expected) => {
    expect(isBeating(text, nowS)).toBe(expected);
  });
});

describe('a permission', () => {
  it('is read as it was written, and never longer', () => {
    const text = permissionText({ boot: 'b', deadlineS: 17.509, pods: new Map([[uid, 300]]) });
    expect(text).toBe(`b 17.50\n${uid} 300.00\n`);
    expect(parsePermission(text)).toEqual({ boot: 'b', deadlineS: 17.5, pods: new Map([[uid, 300]]) });
  });

  it.each(['', '\n', 'b', 'b \n', 'b soon\n', 'b -1\n', 'b 1 2\n'])('%j is none', (text) => {
    expect(parsePermission(text)).toBeUndefined();
  });
});
