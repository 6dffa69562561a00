// A guest under a holder lives as long as its machine's lease, whether or not anything on the machine still runs.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  descendantsOf,
  identityOf,
  isAlive,
  isEmulator,
  isStopped,
  signal,
  type ProcessIdentity,
} from '../../machines/cgroup/processes.ts';
import { spawnQemu, type QemuProcess } from './process.ts';
import { until } from '../../../../test/waiting.ts';

jest.setTimeout(120_000);

const idle = ['-machine', 'none', '-nodefaults', '-display', 'none', '-S'];
const pod = '0f1e2d3c-0000-4000-8000-000000000001';
const other = '0f1e2d3c-0000-4000-8000-000000000002';
/** Long enough for QEMU to start on a busy machine. */
const leaseS = 8;

let folder: string;
let file: string;
const started: QemuProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'idlewild-holder-'));
  file = join(folder, 'lease');
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(folder, { recursive: true });
});

const uptime = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Writes a lease of the machine, and of pods, each for so many seconds from now; answers when the machine's ends. */
function lease(seconds: number, pods: Readonly<Record<string, number>> = {}): number {
  const end = uptime() + seconds;
  const lines = [`${boot} ${end}`, ...Object.entries(pods).map(([uid, more]) => `${uid} ${uptime() + more}`)];
  writeFileSync(`${file}.tmp`, `${lines.join('\n')}\n`);
  renameSync(`${file}.tmp`, file);
  return end;
}

async function start(argv = idle): Promise<QemuProcess> {
  const process = await spawnQemu(argv, { lease: { file, pod }, onErrorLine: () => undefined });
  started.push(process);
  return process;
}

/** The QEMU below the holder, once it runs. */
async function guestOf({ pid }: QemuProcess) {
  return until(() => identityOf(descendantsOf(pid).find(isEmulator) ?? 0));
}

/** It has let its files go before it is counted as ended. */
async function gone(guest: ProcessIdentity): Promise<void> {
  await until(() => !isAlive(guest));
}

describe('the holder of a guest', () => {
  it('ends it at the deadline when holder and guest are stopped, without anybody who lets them go on', async () => {
    const end = lease(leaseS);
    const process = await start();
    const guest = await guestOf(process);
    for (const pid of [guest.pid, process.pid]) signal(pid, 'SIGSTOP');
    await until(() => isStopped(guest.pid) && isStopped(process.pid));
    expect(uptime()).toBeLessThan(end);
    expect(await process.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(uptime()).toBeGreaterThanOrEqual(end - 0.02);
    await gone(guest);
  });

  it('lets it live as long as the lease is renewed, and no longer', async () => {
    const first = lease(leaseS);
    const process = await start();
    const guest = await guestOf(process);
    const renewing = setInterval(() => lease(leaseS), 200);
    await until(() => uptime() > first + 1);
    clearInterval(renewing);
    expect(isAlive(guest)).toBe(true);
    const end = lease(1);
    await process.ended;
    expect(uptime()).toBeGreaterThanOrEqual(end - 0.02);
    await gone(guest);
  });

  it('gives it the longer lease of its own pod, and not the one of another', async () => {
    const end = lease(1, { [pod]: leaseS + 1, [other]: 1_000 });
    const process = await start();
    const guest = await guestOf(process);
    await until(() => uptime() > end + 0.5);
    expect(isAlive(guest)).toBe(true);
    await process.ended;
    expect(uptime()).toBeGreaterThanOrEqual(end + leaseS - 0.02);
  });

  it('ends it at once when the lease is taken away', async () => {
    lease(1_000);
    const process = await start();
    const guest = await guestOf(process);
    rmSync(file);
    await process.ended;
    await gone(guest);
  });

  it('does not outlive it, and ends as it ended', async () => {
    lease(1_000);
    const killed = await start();
    signal((await guestOf(killed)).pid, 'SIGKILL');
    expect(await killed.ended).toEqual({ code: null, signal: 'SIGKILL' });
    const refused = await start(['-no-such-flag']);
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.lastErrorLine()).toContain('no-such-flag');
  });

  it.each<[string, () => string | undefined]>([
    ['no file', () => undefined],
    ['an empty file', () => ''],
    ['a lease of another boot', () => `${other} ${uptime() + 1_000}\n`],
    ['a damaged deadline', () => `${boot} 12x\n`],
    ['a lease that has run out', () => `${boot} ${uptime() - 0.1}\n`],
    ['a lease of a pod alone', () => `${pod} ${uptime() + 1_000}\n`],
  ])('starts nothing with %s', async (_what, text) => {
    const content = text();
    if (content !== undefined) writeFileSync(file, content);
    const process = await start();
    expect((await process.ended).code).not.toBe(0);
    expect(process.lastErrorLine()).toBe(`holder: the machine holds no lease in ${file}`);
  });
});
