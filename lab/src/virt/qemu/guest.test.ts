// A real guest: what it runs, what can be done to it, and how its end is told.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { defaultCacheDir, ensureImage } from '../../images/cache.ts';
import { pino } from 'pino';
import type { Guest } from './guest.ts';
import { bootTimeoutMs, TinyGuests, Transcript } from './testing/tiny-guests.ts';

// Nothing here takes long on an idle host; a busy one is no failure.
jest.setTimeout(60_000);

const guests = new TinyGuests();
afterAll(() => guests.killAll());

const findScratch = `for disk in /sys/block/vd*; do
  [ "$(cat $disk/serial 2>/dev/null)" = scratch ] && mke2fs -q /dev/\${disk##*/} >/dev/null && mount /dev/\${disk##*/} /scratch
done`;

describe('the tiny image', () => {
  it(
    'runs the script of its seed on the serial console, with a name, a scratch disk and a network, and powers off',
    async () => {
      const script = `${findScratch}
echo "name=$(hostname)"; grep -o ' /scratch ext2' /proc/mounts
echo aGVsbG8= | base64 -d >/scratch/file; od -An -tx1 /scratch/file
ip -o -4 addr show eth0 | grep -o '10.0.2.15'
poweroff -f`;
      const guest = await guests.start(await guests.spec('first', script, { network: true }));
      const exit = await guest.exited;
      expect(exit).toEqual({ reason: 'guest-shutdown', detail: 'the guest powered off' });
      expect(guest.state).toBe('stopped');
      const log = (await readFile(guest.serialLogPath, 'utf8')).replaceAll('\r', '');
      expect(log).toMatch(/^name=first$/m);
      expect(log).toMatch(/^ \/scratch ext2$/m);
      expect(log).toMatch(/^ 68 65 6c 6c 6f$/m);
      expect(log).toMatch(/^10\.0\.2\.15$/m);
    },
    bootTimeoutMs,
  );

  it(
    'tells a kernel panic from a power-off',
    async () => {
      const guest = await guests.start(await guests.spec('panicky', 'echo c >/proc/sysrq-trigger'));
      expect((await guest.exited).reason).toBe('guest-panic');
    },
    bootTimeoutMs,
  );
});

describe('a running guest', () => {
  let guest: Guest;
  let screenConsole: Transcript;

  beforeAll(async () => {
    guest = await guests.start(await guests.spec('screen', 'echo begun', { graphics: true }));
    screenConsole = new Transcript(guest.attachSerial());
    await screenConsole.until(/root@screen:~# /);
  }, bootTimeoutMs);

  it('shows its serial line to every viewer and takes input from each', async () => {
    const [one, two] = [guest.attachSerial(), guest.attachSerial()];
    const [seenByOne, seenByTwo] = [new Transcript(one), new Transcript(two)];
    one.write('echo sum=$((40+2))\n');
    await Promise.all([seenByOne.until(/^sum=42/m), seenByTwo.until(/^sum=42/m)]);
    two.write('echo product=$((6*7))\n');
    await Promise.all([seenByOne.until(/^product=42/m), seenByTwo.until(/^product=42/m)]);
    one.destroy();
    two.write('echo still=$((1+1))\n');
    await seenByTwo.until(/^still=2/m);
    expect(seenByOne.text).not.toContain('still=2');
    two.destroy();
  });

  it('stands still while paused and says so', async () => {
    await guest.pause();
    expect(guest.state).toBe('paused');
    const viewer = guest.attachSerial();
    viewer.write('echo awake=$((50+1))\n');
    const quiet = new Transcript(viewer);
    await expect(quiet.until(/awake=51/, 500)).rejects.toThrow('was not printed');
    await guest.resume();
    expect(guest.state).toBe('running');
    await quiet.until(/^awake=51/m);
    viewer.destroy();
  });

  it('gives a picture of its screen and a connection to it', async () => {
    const picture = await guest.screenshot();
    expect(picture.subarray(1, 4).toString('latin1')).toBe('PNG');
    expect(picture.readUInt32BE(16)).toBe(720);
    const vnc = await guest.connectVnc();
    const [greeting] = (await once(vnc, 'data')) as [Buffer];
    expect(greeting.toString('latin1')).toMatch(/^RFB 003\./);
    vnc.destroy();
  });

  it('takes keys on its screen', async () => {
    const path = ['slash', 'd', 'e', 'v', 'slash', 't', 't', 'y'].map((key) => [key]);
    const line = [['i'], ['d'], ['shift', 'dot'], ...path, ['shift', 's'], ['0'], ['ret']];
    for (const keys of line) await guest.sendKeys(keys);
    const [match] = await screenConsole.until(/uid=\d+/, 20_000);
    expect(match).toBe('uid=0');
  }, 30_000);

  it(
    'lives through a reset and obeys the power button',
    async () => {
      await guest.reset();
      await screenConsole.until(/begun[^]*begun/);
      expect(guest.state).toBe('running');
      await guest.powerdown();
      expect((await guest.exited).reason).toBe('guest-shutdown');
    },
    bootTimeoutMs,
  );
});

describe('a guest that never boots', () => {
  it('prints nothing, costs next to no processor time and can be killed', async () => {
    const image = await ensureImage('lab/broken', { cacheDir: defaultCacheDir(), log: pino({ level: 'silent' }) });
    const guest = await guests.start(await guests.spec('broken', '', { image }));
    let booted = false;
    guest.on('booted', () => (booted = true));
    const before = await processorTicks(guest.pid);
    await new Transcript(guest.attachSerial()).until(/./, 2000).catch(() => undefined);
    const busy = (await processorTicks(guest.pid)) - before;
    expect(busy).toBeLessThan(150);
    expect(booted).toBe(false);
    expect((await guest.kill()).reason).toBe('killed');
  });

  it('is told to have crashed when somebody else kills its process', async () => {
    const image = await ensureImage('lab/broken', { cacheDir: defaultCacheDir(), log: pino({ level: 'silent' }) });
    const guest = await guests.start(await guests.spec('shot', '', { image }));
    process.kill(guest.pid, 'SIGKILL');
    expect(await guest.exited).toEqual({ reason: 'crash', detail: 'signal SIGKILL' });
  });

  it('is refused with the reason when QEMU cannot start it', async () => {
    const image = await ensureImage('lab/broken', { cacheDir: defaultCacheDir(), log: pino({ level: 'silent' }) });
    const spec = await guests.spec('greedy', '', { image, cores: 100_000 });
    await expect(guests.start(spec)).rejects.toThrow(/start guest greedy: .*CPU/i);
  });
});

/** Processor time of a process in clock ticks of 10 ms. */
async function processorTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
