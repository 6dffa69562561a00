// Virtual time: the order of timers, what settles between them, and what it costs.
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { VirtualClock } from './virtual-clock.ts';

describe('a virtual clock', () => {
  it('fires timers by time, then by the order in which they were set', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ ms: fc.integer({ min: 0, max: 20 }), cancel: fc.boolean() }), { maxLength: 300 }),
        async (planned) => {
          const clock = new VirtualClock();
          const seen: [number, number][] = [];
          const timers = planned.map(({ ms }, i) => clock.setTimeout(() => seen.push([clock.monotonic(), i]), ms));
          timers.forEach((timer, i) => planned[i]?.cancel && timer.cancel());
          const kept = planned.flatMap(({ ms, cancel }, i): [number, number][] => (cancel ? [] : [[ms, i]]));
          expect(clock.pending).toBe(kept.length);
          await clock.runUntil(20);
          expect(seen).toEqual(kept.sort(([a, i], [b, k]) => a - b || i - k));
          expect([clock.pending, clock.monotonic()]).toEqual([0, 20]);
        },
      ),
    );
  });

  it('lets long chains of promises settle before the next timer fires', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 1_000; i++) await Promise.resolve();
      process.nextTick(() => void Promise.resolve().then(() => seen.push('settled')));
    };
    clock.setTimeout(() => void chain(), 5);
    clock.setTimeout(() => seen.push('next'), 5);
    await clock.runUntil(5);
    expect(seen).toEqual(['settled', 'next']);
  });

  it('stops at the moment at which the predicate holds, and says when it never does', async () => {
    const clock = new VirtualClock();
    let count = 0;
    const tick = (): void => {
      count++;
      if (count < 10) clock.setTimeout(tick, 1_000);
    };
    clock.setTimeout(tick, 1_000);
    expect([await clock.runUntil(() => count === 3), clock.monotonic()]).toEqual([true, 3_000]);
    expect([await clock.runUntil(() => count === 7, 5_500), clock.monotonic()]).toEqual([false, 5_500]);
    expect([await clock.runUntil(() => count === 11), count]).toEqual([false, 10]);
  });

  it('ends a sleep with the reason of its signal', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const slept = clock.sleep(1_000, stop.signal).catch((error: unknown) => error);
    clock.setTimeout(() => stop.abort(new Error('enough')), 10);
    await clock.runUntil(10);
    expect(await slept).toEqual(new Error('enough'));
    expect(clock.pending).toBe(0);
  });

  it('costs at most five times what calling as many functions from a sorted array costs, a turn of the event loop each', async () => {
    const timers = 100_000;
    const waits = Array.from({ length: timers }, (_, i) => (i * 7919) % 1_000);
    const ratios: number[] = [];
    // The best of three, each beside its measure: whoever else uses the processor must not decide this.
    for (let round = 0; round < 3; round++) {
      let fired = 0;
      const fire = (): void => void (fired += 1);
      const plain = await spent(async () => {
        const planned = waits
          .map((at, order) => ({ at, order, fire }))
          .sort((a, b) => a.at - b.at || a.order - b.order);
        for (const each of planned) {
          each.fire();
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      const clock = new VirtualClock();
      const virtual = await spent(async () => {
        for (const ms of waits) clock.setTimeout(fire, ms);
        await clock.runUntil(() => clock.pending === 0);
      });
      expect(fired).toBe(2 * timers);
      ratios.push(virtual / plain);
    }
    expect(Math.min(...ratios)).toBeLessThan(5);
  });
});

/** Processor time, microseconds. */
async function spent(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
