import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MachineCgroup } from './cgroup.ts';
import { GuestGroup } from './guest-group.ts';
import { descendantsOf, identityOf, isAlive } from './processes.ts';
import { until } from '../../../../test/waiting.ts';

const children: ChildProcess[] = [];
const groups: MachineCgroup[] = [];
afterEach(async () => {
  for (const group of groups.splice(0)) {
    await group.kill();
    await group.remove();
  }
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A shell that counts into a file and has one child that sleeps. */
function aCounter(file: string): ChildProcess {
  const child = spawn('sh', ['-c', `sleep 1000 & while :; do echo x >> ${file}; sleep 0.01; done`], {
    stdio: 'ignore',
  });
  children.push(child);
  return child;
}

const sizeOf = (file: string): number => (existsSync(file) ? readFileSync(file).length : 0);

// The root that has no hierarchy at all stands for a machine without cgroups.
describe.each([
  { title: 'with the cgroups of this machine', root: undefined },
  { title: 'without cgroups', root: '/nonexistent' },
])('a machine group $title', ({ root }) => {
  const open = (): MachineCgroup => {
    const name = `idlewild-test-${process.pid}/pc-${groups.length}`;
    const group = MachineCgroup.open(root === undefined ? { name } : { name, root });
    groups.push(group);
    return group;
  };

  it('stops, continues and ends the whole tree of processes', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'group-'));
    const file = join(dir, 'count');
    const group = open();
    const child = aCounter(file);
    group.adopt(child.pid!);
    await until(() => sizeOf(file) > 0 && descendantsOf(child.pid!).length > 0);
    await group.hang();
    const stopped = sizeOf(file);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sizeOf(file)).toBe(stopped);
    group.resume();
    await until(() => sizeOf(file) > stopped + 4);
    const tree = [child.pid!, ...descendantsOf(child.pid!)].map((pid) => identityOf(pid)!);
    await group.kill();
    expect(tree.filter((process) => process !== undefined && isAlive(process))).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  it('stops a shell that is about to start a program: it waits in the kernel for a child that is stopped', async () => {
    const group = open();
    const child = spawn('sh', ['-c', 'while :; do /bin/true; done'], { stdio: 'ignore' });
    children.push(child);
    group.adopt(child.pid!);
    for (let round = 0; round < 40; round += 1) {
      await group.hang();
      group.resume();
      await new Promise((resolve) => setTimeout(resolve, round % 7));
    }
    await group.kill();
  }, 60_000);

  it('lets a process of a tree that stands still be killed alone', async () => {
    const group = open();
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    children.push(child);
    group.adopt(child.pid!);
    await group.hang();
    child.kill('SIGKILL');
    await until(() => child.signalCode === 'SIGKILL');
  });

  it('ends a tree that stands still too', async () => {
    const group = open();
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    children.push(child);
    group.adopt(child.pid!);
    await group.hang();
    await group.kill();
    expect(group.processes()).toEqual([]);
  });

  it('tells its guests, also those with groups of their own, from what else runs', () => {
    const group = open();
    const [keeper, plain, own] = [0, 1, 2].map(() => {
      const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
      children.push(child);
      group.adopt(child.pid!);
      return child.pid!;
    });
    if (group.kind === 'none') return expect(group.guestProcesses().sort()).toEqual([keeper, plain, own].sort());
    const { procs } = new GuestGroup(group.guestDirs, '0f1e2d3c-0000-4000-8000-000000000001');
    for (const file of procs) writeFileSync(file, String(own));
    for (const dir of group.guestDirs) writeFileSync(join(dir, 'cgroup.procs'), String(plain));
    expect(group.guestProcesses().sort()).toEqual([plain, own].sort());
    expect(group.processes()).toEqual(expect.arrayContaining([keeper, plain, own]));
  });

  it('takes caps or says why not', () => {
    expect(open().cap({ cores: 2, memoryMiB: 1024 })).toBeUndefined();
  });
});
