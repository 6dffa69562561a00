// The clock that tests move, and the promises of both clocks.
import { describe, expect, it } from '@jest/globals';
import { FakeClock, systemClock } from './clock.ts';

describe('FakeClock', () => {
  it('fires timers in order of their time, each with the time that it was due at', async () => {
    const clock = new FakeClock(1_000);
    const fired: [string, number][] = [];
    clock.setTimeout(() => fired.push(['b', clock.now()]), 20);
    clock.setTimeout(() => fired.push(['a', clock.now()]), 10);
    clock.setTimeout(() => fired.push(['never', clock.now()]), 31);
    await clock.advance(30);
    expect(fired).toEqual([
      ['a', 1_010],
      ['b', 1_020],
    ]);
    expect(clock.now()).toBe(1_030);
    expect(clock.pending).toBe(1);
  });

  it('carries a chain of sleeps through in one advance', async () => {
    const clock = new FakeClock(0);
    const wakes: number[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(100);
        wakes.push(clock.monotonic());
      }
    };
    const done = chain();
    await clock.advance(1_000);
    await done;
    expect(wakes).toEqual([100, 200, 300]);
  });

  it('keeps monotonic time when the wall clock is set', () => {
    const clock = new FakeClock(5_000);
    clock.setWallClock(1);
    expect([clock.now(), clock.monotonic()]).toEqual([1, 0]);
  });

  it('does not fire a cancelled timer', async () => {
    const clock = new FakeClock();
    let fired = false;
    clock.setTimeout(() => (fired = true), 10).cancel();
    await clock.advance(20);
    expect(fired).toBe(false);
  });
});

describe.each([
  ['systemClock', systemClock],
  ['FakeClock', new FakeClock()],
])('a sleep on %s', (_name, clock) => {
  it('rejects with the reason of the signal that interrupts it', async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(60_000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
  });

  it('rejects at once when the signal has been aborted before', async () => {
    await expect(clock.sleep(60_000, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  });
});
