// A watch on which things go wrong: what may go wrong, and what may not.
import { describe, expect, it } from '@jest/globals';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { Random } from '../world/random.ts';
import { singleFaults, type FaultRates } from './fault-plan.ts';
import { Faults } from './faulty-transport.ts';

type Watch = NonNullable<Transport['watch']>;

const count = 200;
const always = (kind: keyof FaultRates): FaultRates => ({ ...singleFaults[kind], [kind]: 1 });

/** Watches something that tells `count` events, 100 ms apart, and ends in good order. */
async function watch(rates: FaultRates, o: { abortAtMs?: number } = {}) {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const heard: { readonly number: number; readonly atMs: number }[] = [];
  const tells: Watch = async ({ onEvent, signal }) => {
    for (let number = 0; number < count && !signal.aborted; number++) {
      onEvent({ type: 'MODIFIED', object: number });
      await clock.sleep(100);
    }
  };
  const server: Transport = {
    server: 'memory:',
    request: () => Promise.reject(new Error('none')),
    stream: () => Promise.reject(new Error('none')),
    close: () => Promise.resolve(),
    watch: tells,
  };
  const faults = new Faults({ clock, random: new Random(1), rates });
  const request = { path: '/things', query: {}, signal: stop.signal };
  const onEvent: Parameters<Watch>[0]['onEvent'] = ({ object }) => {
    heard.push({ number: object as number, atMs: clock.monotonic() });
  };
  let end: { readonly failure?: unknown } | undefined;
  const watching = faults.transport(server).watch?.({ ...request, onEvent });
  void watching?.then(
    () => (end = {}),
    (failure: unknown) => (end = { failure }),
  );
  if (o.abortAtMs !== undefined) clock.setTimeout(() => stop.abort(), o.abortAtMs);
  await clock.advance(60_000);
  return { heard, end, numbers: heard.map(({ number }) => number) };
}

describe('a faulty watch', () => {
  it('without faults tells everything at its time', async () => {
    const { heard, end } = await watch({ ...singleFaults.delayed, delayed: 0 });
    expect(heard).toEqual(Array.from({ length: count }, (_, number) => ({ number, atMs: number * 100 })));
    expect(end).toEqual({});
  });

  it('tells late events in order, all of them, and within three seconds', async () => {
    const { heard, numbers } = await watch(singleFaults.delayed);
    expect(numbers).toEqual(Array.from({ length: count }, (_, number) => number));
    const late = heard.map(({ number, atMs }) => atMs - number * 100);
    expect(Math.max(...late)).toBeGreaterThan(500);
    expect(Math.max(...late)).toBeLessThanOrEqual(3_000);
  });

  it('tells some events twice, one right after the other', async () => {
    const { numbers } = await watch(singleFaults.duplicated);
    expect(numbers.length).toBeGreaterThan(count + 50);
    expect([...numbers].sort((a, b) => a - b)).toEqual(numbers);
    expect(new Set(numbers).size).toBe(count);
  });

  it.each([
    ['breaks', 'brokenWatch', 'network'],
    ['is too old', 'expiredWatch', 'gone'],
  ] as const)('that %s says so, and tells nothing more', async (_name, kind, error) => {
    const { numbers, end } = await watch({ ...singleFaults[kind], [kind]: 0.1 });
    expect(end).toMatchObject({ failure: { kind: error } });
    expect(numbers.length).toBeLessThan(count);
    expect(numbers).toEqual(numbers.map((_, index) => index));
  });

  it('that cannot be opened tells nothing', async () => {
    expect(await watch(always('resetBefore'))).toMatchObject({ heard: [], end: { failure: { kind: 'network' } } });
  });

  it('tells nothing once it was given up, not even what was late', async () => {
    const { heard } = await watch(singleFaults.delayed, { abortAtMs: 5_000 });
    expect(Math.max(...heard.map(({ atMs }) => atMs))).toBeLessThanOrEqual(5_000);
  });
});
