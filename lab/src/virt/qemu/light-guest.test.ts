// A light guest is to what is around it what QEMU is: the same class holds it, pauses it and ends it, and the witness hears it.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { until } from '../../../../test/waiting.ts';
import { Witness } from '../../daemon/witness.ts';
import { identityOf, isEmulator, isStopped, signal } from '../../machines/cgroup/processes.ts';
import { Guest } from './guest.ts';
import type { GuestSpec } from './guest-spec.ts';
import { lightGuest } from './process.ts';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'idlewild-light-'));
const log = join(folder, 'witness.log');
const socket = join(folder, 'witness.sock');
const witness = new Witness(log);
const guests: Guest[] = [];
beforeAll(() => witness.listen(socket, 'pc-1'));
afterEach(async () => {
  for (const guest of guests.splice(0)) await guest.kill();
});
afterAll(() => {
  witness.close();
  rmSync(folder, { recursive: true });
});

const image = { name: 'tiny', minMemoryMiB: 32, tbSizeMiB: 8, append: [] } as unknown as GuestSpec['image'];

async function start(name: string, incoming = false, userData?: string): Promise<Guest> {
  const parts = { cores: 1, memoryMiB: 128, disks: [], graphics: false, network: false, accel: 'tcg' } as const;
  const seed = userData === undefined ? {} : { seed: { userData, metaData: '' } };
  const spec = { id: `default_${name}`, image, ...parts, ...seed };
  const dir = join(folder, name);
  const guest = await Guest.start(spec, {
    ...{ dir, log: pino({ level: 'silent' }), program: lightGuest, witness: socket, incoming },
  });
  guests.push(guest);
  return guest;
}

/** What the witness has heard of it: the words after machine and name. */
const heard = (name: string): string[] =>
  readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((line) => new RegExp(`^[0-9.]+ pc-1 ${name} (.*)$`).exec(line)?.[1] ?? []);
const moreThan = (name: string, count: number) => until(() => heard(name).length > count);
/** So long that it would have been heard several times. */
const silence = () => new Promise((resolve) => setTimeout(resolve, 1_000));

describe('a light guest', () => {
  it('says by name and start that it lives, and looks like an emulator', async () => {
    const guest = await start('job-1');
    await moreThan('job-1', 2);
    expect(new Set(heard('job-1')).size).toBe(1);
    expect(heard('job-1')[0]).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} beat$/);
    expect(isEmulator(guest.pid)).toBe(true);
  });

  it('tells on its serial line that it has booted', async () => {
    const guest = await start('job-2');
    expect(readFileSync(guest.serialLogPath, 'utf8')).toMatch(/^(light guest job-2\n)?$/);
    await new Promise<void>((resolve) => guest.once('booted', resolve));
    await until(() => readFileSync(guest.serialLogPath, 'utf8') === 'light guest job-2\n');
  });

  it('says that the script of its job has begun, in the words that the operator reads', async () => {
    const userData = `#!/bin/sh\nmark() { printf '\\nidlewild:%s:%s\\n' '0123456789abcdef' "$1" >>"$terminal"; }\nmark start\n`;
    const guest = await start('job-8', false, userData);
    await until(() => readFileSync(guest.serialLogPath, 'utf8').includes('\nidlewild:0123456789abcdef:start\n'));
  });

  it('is silent while it is paused, and goes on afterwards as the same start of it', async () => {
    const guest = await start('job-3');
    await moreThan('job-3', 0);
    await guest.pause();
    await until(() => guest.state === 'paused');
    const before = heard('job-3').length;
    await silence();
    expect(heard('job-3').length).toBeLessThanOrEqual(before + 1);
    await guest.resume();
    await moreThan('job-3', before + 2);
    expect(new Set(heard('job-3')).size).toBe(1);
  });

  it('is silent while it is stopped, and is heard again when it is not ended before it goes on', async () => {
    const guest = await start('job-4');
    await moreThan('job-4', 0);
    signal(guest.pid, 'SIGSTOP');
    await until(() => isStopped(guest.pid));
    await silence();
    const before = heard('job-4').length;
    await silence();
    expect(heard('job-4').length).toBe(before);
    signal(guest.pid, 'SIGCONT');
    await moreThan('job-4', before);
  });

  it('starts anew under another name of its start when it is reset', async () => {
    const guest = await start('job-5');
    await moreThan('job-5', 0);
    await guest.reset();
    await until(() => new Set(heard('job-5')).size === 2);
  });

  it.each([
    ['killed', (guest: Guest) => guest.kill()],
    ['killed', (guest: Guest) => guest.quit()],
    ['guest-shutdown', (guest: Guest) => guest.powerdown().then(() => guest.exited)],
    ['crash', (guest: Guest) => (signal(guest.pid, 'SIGKILL'), guest.exited)],
  ] as const)('ends as %s, and is gone then', async (reason, end) => {
    const guest = await start('job-6');
    expect(await end(guest)).toMatchObject({ reason });
    expect(identityOf(guest.pid)).toBeUndefined();
  });

  it('says that it cannot be moved', async () => {
    await expect(start('job-7', true)).rejects.toThrow('it cannot be moved here');
  });
});
