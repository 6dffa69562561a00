// The queue's semantics, on a clock that stands still unless told.
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from './clock.ts';
import { WorkQueue } from './workqueue.ts';

const forever = new AbortController().signal;

async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const first = await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))]);
  return first === pending;
}

describe('a work queue', () => {
  it('hands out keys in the order they came, each once however often it was added', async () => {
    const queue = new WorkQueue({ clock: new FakeClock() });
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect(queue.depth).toBe(2);
    expect([await queue.get(forever), await queue.get(forever)]).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  it('never has a key in work twice: added meanwhile, it comes back once, after done', async () => {
    const queue = new WorkQueue({ clock: new FakeClock() });
    queue.add('a');
    await queue.get(forever);
    queue.add('a');
    queue.add('a');
    const next = queue.get(forever);
    expect(await isWaiting(next)).toBe(true);
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
    expect(queue.inWork).toBe(0);
  });

  it('gives waiting workers their keys in the order in which they asked', async () => {
    const queue = new WorkQueue({ clock: new FakeClock() });
    const asked = [queue.get(forever), queue.get(forever)];
    queue.add('a');
    queue.add('b');
    expect(await Promise.all(asked)).toEqual(['a', 'b']);
  });

  it('brings a delayed key at the earliest of its times, once', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue({ clock });
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 900);
    expect(queue.delayed).toBe(1);
    await clock.advance(99);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    await queue.get(forever);
    queue.done('a');
    await clock.advance(1_000);
    expect(queue.depth).toBe(0);
  });

  it('adds at once what is due now', () => {
    const queue = new WorkQueue({ clock: new FakeClock() });
    queue.addAfter('a', 0);
    queue.addAfter('b', -5);
    expect(queue.depth).toBe(2);
  });

  it('waits longer with each failure, at least as long as it was told, and starts over once forgotten', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue({ clock });
    const delays: number[] = [];
    for (const atLeast of [0, 0, 0, 5_000]) {
      const before = clock.monotonic();
      queue.addRateLimited('a', atLeast);
      while (queue.depth === 0) await clock.advance(1);
      delays.push(clock.monotonic() - before);
      await queue.get(forever);
      queue.done('a');
    }
    expect(delays).toEqual([5, 10, 20, 5_000]);
    expect(queue.failures('a')).toBe(4);
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
  });

  it('ends a wait when its signal is aborted, and loses no key by it', async () => {
    const queue = new WorkQueue({ clock: new FakeClock() });
    const stop = new AbortController();
    const waiting = queue.get(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'aborted' });
    queue.add('a');
    expect(await queue.get(forever)).toBe('a');
  });

  it('hands out what is ready after a shut-down, then rejects, and drops what was delayed', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue({ clock });
    queue.add('a');
    queue.addAfter('b', 10);
    queue.shutDown();
    queue.add('c');
    expect(await queue.get(forever)).toBe('a');
    await expect(queue.get(forever)).rejects.toMatchObject({ kind: 'aborted' });
    expect(clock.pending).toBe(0);
  });

  it('rejects those who wait when it is shut down', async () => {
    const queue = new WorkQueue({ clock: new FakeClock() });
    const waiting = queue.get(forever);
    queue.shutDown();
    await expect(waiting).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('tells its metrics how long a key waited and was worked on', async () => {
    const clock = new FakeClock();
    const told: unknown[] = [];
    const queue = new WorkQueue({
      name: 'jobs',
      clock,
      metrics: {
        added: (name) => told.push(['added', name]),
        retried: (name) => told.push(['retried', name]),
        taken: (_name, ms) => told.push(['taken', ms]),
        finished: (_name, ms) => told.push(['finished', ms]),
        depth: (_name, depth) => told.push(['depth', depth]),
      },
    });
    queue.add('a');
    await clock.advance(30);
    await queue.get(forever);
    await clock.advance(70);
    expect(queue.longestRunningMs).toBe(70);
    queue.done('a');
    expect(told).toEqual([
      ['added', 'jobs'],
      ['depth', 1],
      ['taken', 30],
      ['depth', 0],
      ['finished', 70],
    ]);
    expect(queue.longestRunningMs).toBe(0);
  });
});
