// What the trials are for is found: guests of one job that run at once because somebody did not wait, or because nobody ended what
// stood still. Light guests under real leases, heard by a real witness; each of the two faults is played beside the right way.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Witness } from '@idlewild/lab/daemon/witness.ts';
import { descendantsOf, signal } from '@idlewild/lab/machines/cgroup/processes.ts';
import { Guest } from '@idlewild/lab/virt/qemu/guest.ts';
import type { GuestSpec } from '@idlewild/lab/virt/qemu/guest-spec.ts';
import { lightGuest } from '@idlewild/lab/virt/qemu/process.ts';
import { pino } from 'pino';
import { until } from '../../test/waiting.ts';
import { Beats, parseBeat, type Beat } from './beats.ts';

jest.setTimeout(120_000);

const pod = '0f1e2d3c-0000-4000-8000-000000000001';
const image = { name: 'tiny', minMemoryMiB: 32, tbSizeMiB: 8, append: [] } as unknown as GuestSpec['image'];
/** Time enough to start two guests on a busy machine. */
const leaseS = 6;

let folder: string;
let witness: Witness;
const guests: Guest[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'idlewild-mutants-'));
  witness = new Witness(join(folder, 'witness.log'));
  for (const machine of ['pc-1', 'pc-2']) await witness.listen(join(folder, machine), machine);
});
afterEach(async () => {
  for (const guest of guests.splice(0)) {
    for (const pid of [guest.pid, ...descendantsOf(guest.pid)]) signal(pid, 'SIGCONT');
    await guest.kill();
  }
  witness.close();
  rmSync(folder, { recursive: true });
});

const uptime = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** @param forS how long the lease of its machine lasts, which nobody renews. */
async function start(attempt: number, machine: string, forS: number): Promise<{ readonly guest: Guest; endS: number }> {
  const file = join(folder, `lease-${attempt}`);
  const endS = uptime() + forS;
  writeFileSync(file, `${boot} ${endS}\n`);
  const parts = { cores: 1, memoryMiB: 128, disks: [], graphics: false, network: false, accel: 'tcg' } as const;
  const guest = await Guest.start(
    { id: `default_job-${attempt}`, image, ...parts },
    {
      ...{ dir: join(folder, `guest-${attempt}`), log: pino({ level: 'silent' }) },
      ...{ program: lightGuest, witness: join(folder, machine), lease: { file, pod } },
    },
  );
  guests.push(guest);
  await until(() => heard(attempt).length > 0, `attempt ${attempt} is heard`);
  return { guest, endS };
}

const beats = (): Beat[] =>
  readFileSync(join(folder, 'witness.log'), 'utf8')
    .split('\n')
    .flatMap((line) => parseBeat(line) ?? []);
const heard = (attempt: number): Beat[] => beats().filter((beat) => beat.attempt === attempt);

function violations(): string[] {
  const checker = new Beats();
  return beats().flatMap((beat) => checker.add(beat) ?? []);
}

/** So many more words of it. */
async function moreOf(attempt: number, count: number): Promise<void> {
  const before = heard(attempt).length;
  await until(() => heard(attempt).length >= before + count, `attempt ${attempt} goes on`);
}

describe('a machine that is cut off', () => {
  it('has its guest run beside the next one if the operator does not wait for the lease, and the trials say so', async () => {
    const { guest } = await start(1, 'pc-1', leaseS);
    await start(2, 'pc-2', 60);
    await guest.exited;
    await moreOf(2, 2);
    expect(violations().length).toBeGreaterThan(0);
    expect(violations()[0]).toMatch(/^job: attempt 1 beats on pc-1 \d+\.\d{3} s after attempt 2 began on pc-2$/);
  });

  it('has none if the operator waits, and the trials say nothing', async () => {
    const { endS } = await start(1, 'pc-1', leaseS);
    await until(() => uptime() > endS + 1, 'the lease and the margin are over');
    await start(2, 'pc-2', 60);
    await moreOf(2, 2);
    expect(violations()).toEqual([]);
  });
});

describe('a machine that stands still and goes on', () => {
  const stop = async (attempt: number, forS: number): Promise<() => void> => {
    const { guest } = await start(attempt, 'pc-1', forS);
    const pids = [guest.pid, ...descendantsOf(guest.pid)];
    for (const pid of pids) signal(pid, 'SIGSTOP');
    return () => {
      for (const pid of pids) signal(pid, 'SIGCONT');
    };
  };

  it('has its guest go on beside the next one if nothing has ended it, and the trials say so', async () => {
    const goOn = await stop(1, 60);
    await start(2, 'pc-2', 60);
    goOn();
    await until(() => violations().length > 0, 'both are heard');
  });

  it('has none if its lease ended meanwhile, though no process of it could run, and the trials say nothing', async () => {
    const goOn = await stop(1, leaseS);
    await until(() => guests[0]!.state === 'stopped', 'the kernel has ended it');
    await start(2, 'pc-2', 60);
    goOn();
    await moreOf(2, 4);
    expect(violations()).toEqual([]);
  });
});
