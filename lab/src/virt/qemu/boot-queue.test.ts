// Boot slots are shared by all processes of the host and survive none of them.
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BootQueue } from './boot-queue.ts';
import type { Guest } from './guest.ts';

// Nothing here takes long on an idle host; a busy one is no failure.
jest.setTimeout(60_000);

const folder = await mkdtemp(join(tmpdir(), 'idlewild-boots-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  const open = Symbol('open');
  const pause = new Promise((resolve) => setTimeout(resolve, 200, open));
  return (await Promise.race([promise, pause])) !== open;
};

describe('the boot queue', () => {
  it('lets two in, and the next as soon as one is through', async () => {
    const dir = join(folder, 'two');
    const [one, other] = [new BootQueue({ dir }), new BootQueue({ dir })];
    const first = await one.enter();
    const second = await other.enter();
    const third = one.enter();
    expect(await isSettled(third)).toBe(false);
    second.release();
    (await third).release();
    first.release();
  });

  it('lets the guests of one process in in the order in which they came', async () => {
    const queue = new BootQueue({ dir: join(folder, 'order'), slots: 1 });
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map(async (number) => {
        const slot = await queue.enter();
        order.push(number);
        slot.release();
      }),
    );
    expect(order).toEqual([1, 2, 3]);
  });

  it('gives up waiting when told, and the next in line still gets its turn', async () => {
    const queue = new BootQueue({ dir: join(folder, 'abort'), slots: 1 });
    const first = await queue.enter();
    const stop = new AbortController();
    const second = queue.enter(stop.signal);
    const third = queue.enter();
    stop.abort(new Error('deleted'));
    await expect(second).rejects.toThrow('deleted');
    first.release();
    (await third).release();
  });

  it.each(['booted', 'exit'] as const)('frees the slot of a guest at its %s', async (event) => {
    const queue = new BootQueue({ dir: join(folder, event), slots: 1 });
    const guest = new EventEmitter() as Guest;
    await queue.boot(() => Promise.resolve(guest));
    const next = queue.enter();
    expect(await isSettled(next)).toBe(false);
    guest.emit(event as 'booted');
    (await next).release();
  });

  it('frees the slot of a guest that does not start or stays silent', async () => {
    const queue = new BootQueue({ dir: join(folder, 'silent'), slots: 1, slotTimeoutMs: 50 });
    await expect(queue.boot(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await queue.boot(() => Promise.resolve(new EventEmitter() as Guest));
    (await queue.enter()).release();
  });

  it('takes over the slot of a process that was killed', async () => {
    const dir = join(folder, 'killed');
    const module = pathToFileURL(join(import.meta.dirname, 'boot-queue.ts')).href;
    const holder = `import { BootQueue } from '${module}';
await new BootQueue({ dir: process.argv[1], slots: 1 }).enter();
process.stdout.write('held');
setInterval(() => undefined, 1000);`;
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', holder, dir],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    const waiting = new BootQueue({ dir, slots: 1 }).enter();
    expect(await isSettled(waiting)).toBe(false);
    child.kill('SIGKILL');
    (await waiting).release();
  }, 20_000);
});
