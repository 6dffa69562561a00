// QEMU is a member of its control groups from the first instruction on, and does not run outside of them. Groups as in a real
// hierarchy need root; without it a folder of plain files stands for them, which shows who was to join.
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '../../images/file-lock.ts';
import { spawnQemu, type QemuProcess } from './process.ts';
import { removed } from '../../../../test/waiting.ts';

// Nothing here takes long on an idle host; a busy one is no failure.
jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'idlewild-process-'));
const started: QemuProcess[] = [];
const groups: string[] = [];
afterAll(async () => {
  for (const { child, ended } of started) {
    child.kill('SIGKILL');
    await ended;
  }
  for (const group of groups) await removed(group);
  rmSync(folder, { recursive: true });
});

const idle = ['-machine', 'none', '-nodefaults', '-display', 'none', '-S'];

async function start(cgroupProcs: string[]): Promise<QemuProcess> {
  const qemu = await spawnQemu(idle, { cgroupProcs, onErrorLine: () => undefined });
  started.push(qemu);
  return qemu;
}

/** Waits until the shell that joins the groups has become QEMU, which keeps the process id. */
async function becomesQemu(pid: number): Promise<void> {
  const name = (): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '';
  for (let left = 500; left > 0 && !name().includes('qemu'); left -= 1) await pause(20, undefined);
  expect(name()).toContain('qemu');
}

const hierarchies = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/memory', '/sys/fs/cgroup'].filter((root) => {
  try {
    accessSync(join(root, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
});

describe('a QEMU with control groups', () => {
  it('joins each of them under its own process id before it runs', async () => {
    const real = hierarchies.map((root) => join(root, `idlewild-process-test-${process.pid}`));
    for (const group of real) {
      mkdirSync(group);
      groups.push(group);
    }
    const played = ['one', 'two'].map((name) => join(folder, name));
    for (const group of played) mkdirSync(group);
    const qemu = await start([...real, ...played].map((group) => join(group, 'cgroup.procs')));
    await becomesQemu(qemu.pid);
    for (const group of [...real, ...played]) {
      expect(readFileSync(join(group, 'cgroup.procs'), 'utf8').trim().split('\n')).toEqual([String(qemu.pid)]);
    }
    const memberships = readFileSync(`/proc/${qemu.pid}/cgroup`, 'utf8');
    for (const group of real) expect(memberships).toContain(group.slice(group.lastIndexOf('/')));
  });

  it('does not run when it cannot join one of them', async () => {
    const log = join(folder, 'errors');
    const qemu = await spawnQemu(idle, {
      cgroupProcs: [join(folder, 'absent', 'cgroup.procs')],
      onErrorLine: (line) => writeFileSync(log, line),
    });
    expect(await qemu.ended).toEqual({ code: 125, signal: null });
    expect(existsSync(log)).toBe(true);
    expect(qemu.lastErrorLine()).toContain('cgroup.procs');
  });
});
