// When the operator collects its garbage.
import { describe, expect, it } from '@jest/globals';
import { Heap } from './heap.ts';
import { FakeClock } from './kube/clock.ts';

const pods = { path: '/api/v1/namespaces/a/pods/b' };

/** A heap that is kept small, and when it was collected, in seconds. */
function setUp() {
  const clock = new FakeClock();
  const stop = new AbortController();
  const at: number[] = [];
  const heap = new Heap({ clock, collect: () => at.push(clock.monotonic() / 1000) });
  const running = heap.keepSmall(stop.signal);
  const pass = async (seconds: number, each?: () => void): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      each?.();
      await clock.advance(1_000);
    }
  };
  return { heap, at, pass, end: () => (stop.abort(), running) };
}

describe('the heap', () => {
  it('is collected once when nothing was asked of the API server for ten seconds, and again only after more work', async () => {
    const { heap, at, pass, end } = setUp();
    await pass(3, () => heap.saw(pods));
    await pass(117);
    expect(at).toEqual([15]);
    await pass(1, () => heap.saw(pods));
    await pass(30);
    expect(at).toEqual([15, 130]);
    await end();
    heap.saw(pods);
    await pass(120);
    expect(at).toHaveLength(2);
  });

  it('is left alone while there is work, and collected once a minute at most', async () => {
    const { heap, at, pass, end } = setUp();
    await pass(100, () => heap.saw(pods));
    expect(at).toEqual([]);
    for (let times = 0; times < 6; times += 1) {
      heap.saw(pods);
      await pass(20);
    }
    expect(at).toEqual([110, 170]);
    await end();
  });

  it('does not take the renewal of a lease for work', async () => {
    const { heap, at, pass, end } = setUp();
    heap.saw(pods);
    const lease = { path: '/apis/coordination.k8s.io/v1/namespaces/a/leases/idlewild-operator' };
    await pass(30, () => heap.saw(lease));
    expect(at).toEqual([10]);
    await end();
  });

  it('is left to itself where nobody may ask', async () => {
    await new Heap({ clock: new FakeClock(), collect: undefined }).keepSmall(new AbortController().signal);
  });
});
