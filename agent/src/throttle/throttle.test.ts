// Guests held back and let go again: in trees of files laid out as both versions of control groups are, and in a real group.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { heldBack, Throttle, type ThrottleOptions } from './throttle.ts';
import { removed, until } from '../../../test/waiting.ts';

let root: string;
let said: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iw-throttle-'));
  said = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const file = (): string => join(root, 'state/held-back.json');
const log = () =>
  pino({ base: null }, { write: (line: string) => said.push((JSON.parse(line) as { msg: string }).msg) });

function throttle(o: Partial<ThrottleOptions> = {}): Throttle {
  const nothing = { groups: [], pods: [], owners: [], proc: join(root, 'proc') };
  return new Throttle({ ...nothing, file: file(), log: log(), ...o });
}

function files(dir: string, contents: Readonly<Record<string, string>>): string {
  mkdirSync(join(root, dir), { recursive: true });
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(root, dir, name), content);
  return join(root, dir);
}

/** A version of control groups: how a limit is laid out in it, and how it is read back. */
const versions = {
  v1: {
    limited: (quotaUs: number, periodUs: number) => ({
      'cpu.cfs_quota_us': `${quotaUs}\n`,
      'cpu.cfs_period_us': `${periodUs}\n`,
      'cpu.shares': '1024\n',
    }),
    limitOf: (dir: string) =>
      `${readFileSync(join(dir, 'cpu.cfs_quota_us'), 'utf8').trim()} ${readFileSync(join(dir, 'cpu.cfs_period_us'), 'utf8').trim()}`,
    unlimited: '-1 100000',
    weight: 'cpu.shares',
    heaviest: '262144',
    usual: '1024\n',
  },
  v2: {
    limited: (quotaUs: number, periodUs: number) => ({
      'cpu.max': `${quotaUs < 0 ? 'max' : quotaUs} ${periodUs}\n`,
      'cpu.weight': '100\n',
    }),
    limitOf: (dir: string) => readFileSync(join(dir, 'cpu.max'), 'utf8').trim(),
    unlimited: 'max 100000',
    weight: 'cpu.weight',
    heaviest: '10000',
    usual: '100\n',
  },
} as const;

describe.each(['v1', 'v2'] as const)('guests in groups of cgroup %s', (version) => {
  const { limited, limitOf, unlimited, ...of } = versions[version];

  it('are held back, and get back exactly what they had', () => {
    const group = files('guests', limited(200_000, 100_000));
    const held = throttle({ groups: [group] });
    held.apply(true);
    expect(limitOf(group)).toBe(heldBack);
    held.apply(true);
    held.apply(false);
    expect(limitOf(group)).toBe('200000 100000');
    expect(held.size).toBe(0);
    expect(said).toEqual([]);
  });

  it('get back what others gave them meanwhile', () => {
    const group = files('guests', limited(200_000, 100_000));
    const held = throttle({ groups: [group] });
    held.apply(true);
    files('guests', limited(50_000, 100_000));
    held.apply(true);
    expect(limitOf(group)).toBe(heldBack);
    held.apply(false);
    expect(limitOf(group)).toBe('50000 100000');
    held.apply(true);
    files('guests', limited(-1, 100_000));
    held.apply(false);
    expect(limitOf(group)).toBe(unlimited);
  });

  it('are let go, or stay held back, by the agent that follows one that was killed', () => {
    const group = files('guests', limited(-1, 100_000));
    throttle({ groups: [group] }).apply(true);
    throttle({ groups: [group] }).apply(true);
    expect(limitOf(group)).toBe(heldBack);
    // Even one that was told of other groups.
    throttle().apply(false);
    expect(limitOf(group)).toBe(unlimited);
  });

  it('that have less than that already keep it', () => {
    const group = files('guests', limited(1_000, 100_000));
    const held = throttle({ groups: [group] });
    held.apply(true);
    expect([limitOf(group), held.size]).toEqual(['1000 100000', 0]);
  });

  it('are found in the pods of a kubelet, also when they start later, and other pods are left alone', () => {
    const uid = '01234567-89ab-cdef-0123-456789abcdef';
    const slice = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`;
    const other = files(`kubepods.slice/kubepods-pod${uid.replace('0', 'f')}.slice`, limited(-1, 100_000));
    files(`${dirname(slice)}`, limited(-1, 100_000));
    files(`kubepods.slice/kubepods-pod${uid.replace('0', 'f')}.slice/cri-1.scope`, { 'cgroup.procs': '7\n0\n' });
    files('proc/7', { comm: 'flanneld\n' });
    const held = throttle({ pods: [join(root, 'kubepods.slice')] });
    held.apply(true);
    expect(held.size).toBe(0);
    const pod = files(slice, { ...limited(-1, 100_000), 'cgroup.procs': '' });
    files(`${slice}/cri-2.scope`, { 'cgroup.procs': '8\n' });
    files('proc/8', { comm: 'qemu-system-x86\n' });
    held.apply(true);
    expect([limitOf(pod), limitOf(other), limitOf(dirname(pod))]).toEqual([heldBack, unlimited, unlimited]);
    rmSync(pod, { recursive: true });
    held.apply(false);
    expect([held.size, said]).toEqual([0, []]);
  });

  it('get their share while they are being moved away, and only they', () => {
    const uids = ['01234567-89ab-cdef-0123-456789abcdef', 'f1234567-89ab-cdef-0123-456789abcdef'];
    const pods = uids.map((uid, index) => {
      const slice = `kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice`;
      files(`${slice}/cri-1.scope`, { 'cgroup.procs': `${8 + index}\n` });
      files(`proc/${8 + index}`, { comm: 'qemu-system-x86\n' });
      return files(slice, { ...limited(-1, 100_000), 'cgroup.procs': '' });
    });
    const limits = () => pods.map(limitOf);
    const held = throttle({ pods: [join(root, 'kubepods.slice')] });
    held.apply(true);
    expect(limits()).toEqual([heldBack, heldBack]);
    held.apply(true, new Set([uids[1] ?? '']));
    expect(limits()).toEqual([heldBack, unlimited]);
    held.apply(true);
    expect(limits()).toEqual([heldBack, heldBack]);
    held.apply(false);
    expect([...limits(), held.size]).toEqual([unlimited, unlimited, 0]);
  });

  it('that cannot be told apart get it all together', () => {
    const group = files('guests', limited(-1, 100_000));
    const held = throttle({ groups: [group] });
    held.apply(true, new Set(['01234567-89ab-cdef-0123-456789abcdef']));
    expect(limitOf(group)).toBe(unlimited);
    held.apply(true);
    expect(limitOf(group)).toBe(heldBack);
  });

  it('wait while the owner’s own programs get the greatest weight, and these get back theirs', () => {
    const owner = files('user.slice', limited(-1, 100_000));
    const held = throttle({ owners: [owner, join(root, 'nowhere/user.slice')] });
    held.apply(true);
    expect(readFileSync(join(owner, of.weight), 'utf8')).toBe(of.heaviest);
    held.apply(false);
    expect(readFileSync(join(owner, of.weight), 'utf8')).toBe(of.usual.trim());
    expect(said).toEqual([]);
  });

  it('that cannot be held back are told of once, and do not keep others from it', () => {
    const missing = join(root, 'missing');
    const group = files('guests', limited(-1, 100_000));
    const held = throttle({ groups: [missing, group] });
    held.apply(true);
    held.apply(true);
    expect(limitOf(group)).toBe(heldBack);
    expect(said).toEqual([`${missing}: its guests cannot be held back`]);
  });
});

describe('what guests had before', () => {
  it('is told of when it is forgotten', () => {
    files('state', { 'held-back.json': 'nonsense' });
    const held = throttle();
    held.apply(false);
    expect(said).toEqual(['what guests had before they were held back is forgotten']);
  });

  it('is not given to a later group of the same name', () => {
    const group = files('guests', versions.v2.limited(200_000, 100_000));
    throttle({ groups: [group] }).apply(true);
    rmSync(group, { recursive: true });
    files('another', {});
    files('guests', { 'cpu.max': heldBack });
    throttle({ groups: [group] }).apply(false);
    expect(versions.v2.limitOf(group)).toBe(heldBack);
  });

  it('is found again after a write that was cut off', () => {
    const group = files('guests', versions.v1.limited(200_000, 100_000));
    throttle({ groups: [group] }).apply(true);
    files('guests', { 'cpu.cfs_quota_us': '-1' });
    throttle({ groups: [group] }).apply(false);
    expect(versions.v1.limitOf(group)).toBe('200000 100000');
  });
});

const hierarchy = '/sys/fs/cgroup/cpu';
/** The kernel's own rules need a kernel that still has the first version; elsewhere its files stand for it above. */
if (existsSync(join(hierarchy, 'cpu.shares'))) describe('a real group of cgroup v1', inRealGroup);

function inRealGroup(): void {
  let group: string;
  let loop: ChildProcess;
  beforeEach(async () => {
    group = join(hierarchy, `idlewild-throttle-${process.pid}`);
    mkdirSync(join(group, 'pod/container'), { recursive: true });
    const endless = `ulimit -t 30; echo $$ >${group}/pod/container/cgroup.procs; while :; do :; done`;
    loop = spawn('sh', ['-c', endless], { stdio: 'ignore' });
    await until(() => readFileSync(join(group, 'pod/container/cgroup.procs'), 'utf8') !== '');
  });
  afterEach(async () => {
    const ended = new Promise((resolve) => loop.once('exit', resolve));
    loop.kill('SIGKILL');
    await ended;
    for (const dir of ['pod/container', 'pod', '']) await removed(join(group, dir));
  });

  const limit = (dir: string) => versions.v1.limitOf(join(group, dir));
  const throttled = (): number =>
    Number(/^nr_throttled (\d+)/m.exec(readFileSync(join(group, 'pod/cpu.stat'), 'utf8'))?.[1]);

  it('is held back, limits of the groups inside it included, and everything comes back', async () => {
    writeFileSync(join(group, 'cpu.cfs_quota_us'), '150000');
    writeFileSync(join(group, 'pod/container/cpu.cfs_quota_us'), '100000');
    const held = throttle({ groups: [join(group, 'pod')] });
    held.apply(true);
    expect([limit('pod'), limit('pod/container'), said]).toEqual([heldBack, heldBack, []]);
    await until(() => throttled() > 3);
    held.apply(false);
    expect([limit(''), limit('pod'), limit('pod/container')]).toEqual(['150000 100000', '-1 100000', '100000 100000']);
    expect([held.size, said]).toEqual([0, []]);
  });

  it('keeps what it had when the kernel refuses the new limit, which is told', () => {
    writeFileSync(join(group, 'cpu.cfs_quota_us'), '2000');
    const held = throttle({ groups: [join(group, 'pod')] });
    held.apply(true);
    held.apply(true);
    expect([limit('pod'), held.size]).toEqual(['-1 100000', 0]);
    expect(said).toEqual([`${join(group, 'pod')}: its guests cannot be held back`]);
  });
}
