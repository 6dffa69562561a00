// When the agent collects its garbage.
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@idlewild/operator/kube/clock.ts';
import { keepHeapSmall } from './heap.ts';

describe('the heap', () => {
  it('is collected when the agent has started, then every minute, until the agent ends', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const at: number[] = [];
    const running = keepHeapSmall({ clock, collect: () => at.push(clock.monotonic()) }, stop.signal);
    for (let second = 0; second < 150; second += 10) await clock.advance(10_000);
    expect(at).toEqual([20_000, 80_000, 140_000]);
    stop.abort();
    await running;
    await clock.advance(120_000);
    expect(at).toHaveLength(3);
  });

  it('is left to itself where nobody may ask', async () => {
    await keepHeapSmall({ clock: new FakeClock(), collect: undefined }, new AbortController().signal);
  });
});
