// What follows each outcome of a reconcile.
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { FakeClock } from './clock.ts';
import { Controller, TerminalError, type Outcome, type Reconcile } from './controller.ts';
import { KubeError } from './errors.ts';

const log = pino({ level: 'silent' });
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

function start(reconcile: Reconcile, concurrency = 1) {
  const clock = new FakeClock();
  const outcomes: Outcome[] = [];
  const controller = new Controller({
    name: 'test',
    reconcile,
    concurrency,
    log,
    clock,
    metrics: { started: () => undefined, finished: (_name, outcome) => outcomes.push(outcome) },
  });
  const stop = new AbortController();
  stops.push(stop);
  return { clock, controller, outcomes, stop, running: controller.run(stop.signal) };
}

describe('a controller', () => {
  it('reconciles a key once and is done with it on success', async () => {
    const keys: string[] = [];
    const t = start((key) => Promise.resolve(void keys.push(key)));
    t.controller.enqueue('lab/a');
    await t.clock.advance(60_000);
    expect(keys).toEqual(['lab/a']);
    expect(t.outcomes).toEqual(['success']);
  });

  it('comes back after the time that the reconcile asked for', async () => {
    const at: number[] = [];
    const t = start(() => {
      at.push(t.clock.monotonic());
      return Promise.resolve(at.length < 3 ? { requeueAfterMs: 1_000 } : undefined);
    });
    t.controller.enqueue('a');
    await t.clock.advance(10_000);
    expect(at).toEqual([0, 1_000, 2_000]);
    expect(t.outcomes).toEqual(['requeue_after', 'requeue_after', 'success']);
  });

  it('retries an error with growing delays, and forgets them after a success', async () => {
    const at: number[] = [];
    const t = start(() => {
      at.push(t.clock.monotonic());
      return at.length <= 3 ? Promise.reject(new Error('not yet')) : Promise.resolve();
    });
    t.controller.enqueue('a');
    await t.clock.advance(1_000);
    expect(at).toEqual([0, 5, 15, 35]);
    expect(t.controller.queue.failures('a')).toBe(0);
  });

  it('waits as long as the server said', async () => {
    const at: number[] = [];
    const t = start(() => {
      at.push(t.clock.monotonic());
      if (at.length > 1) return Promise.resolve();
      return Promise.reject(new KubeError('slow down', { kind: 'throttled', status: 429, retryAfterMs: 4_000 }));
    });
    t.controller.enqueue('a');
    await t.clock.advance(10_000);
    expect(at).toEqual([0, 4_000]);
  });

  it('does not retry a terminal error, but takes the next event', async () => {
    let runs = 0;
    const t = start(() => {
      runs++;
      return Promise.reject(new TerminalError('spec makes no sense'));
    });
    t.controller.enqueue('a');
    await t.clock.advance(100_000);
    expect(runs).toBe(1);
    t.controller.enqueue('a');
    await t.clock.advance(100_000);
    expect(runs).toBe(2);
    expect(t.outcomes).toEqual(['terminal_error', 'terminal_error']);
  });

  it('survives a reconcile that throws before it returns a promise', async () => {
    let runs = 0;
    const t = start(() => {
      if (runs++ === 0) throw new Error('synchronous');
      return Promise.resolve();
    });
    t.controller.enqueue('a');
    await t.clock.advance(100);
    expect(t.outcomes).toEqual(['error', 'success']);
  });

  it('works on as many keys at a time as it may, and never twice on the same one', async () => {
    let now = 0;
    let most = 0;
    const busy = new Set<string>();
    const t = start(async (key) => {
      expect(busy.has(key)).toBe(false);
      busy.add(key);
      most = Math.max(most, ++now);
      await t.clock.sleep(100);
      now--;
      busy.delete(key);
    }, 3);
    for (const key of ['a', 'b', 'c', 'd', 'e']) t.controller.enqueue(key);
    await t.clock.advance(50);
    t.controller.enqueue('a');
    await t.clock.advance(1_000);
    expect(most).toBe(3);
    expect(t.outcomes).toHaveLength(6);
  });

  it('ends only when the reconcile under way has ended, and does not count its abort as an error', async () => {
    let ended = false;
    const t = start(async (_key, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await new Promise((resolve) => setImmediate(resolve));
      ended = true;
      throw new KubeError('aborted', { kind: 'aborted' });
    });
    t.controller.enqueue('a');
    await t.clock.advance(1);
    t.stop.abort();
    await t.running;
    expect(ended).toBe(true);
    expect(t.outcomes).toEqual(['aborted']);
  });

  it('gives every reconcile an id of its own', async () => {
    const ids = new Set<string>();
    const t = start((_key, { reconcileId }) => Promise.resolve(void ids.add(reconcileId)));
    for (const key of ['a', 'b', 'c']) t.controller.enqueue(key);
    await t.clock.advance(1);
    expect(ids.size).toBe(3);
  });
});
