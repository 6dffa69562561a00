// When another pass over the line is worth its time.
import { describe, expect, it } from '@jest/globals';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { matchingSettings, passOver } from '../../../test/builders/queue.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Deps } from '../deps.ts';
import { FakeClock } from '../kube/clock.ts';
import { keyOf } from '../kube/object.ts';
import { poolOf, type Pool } from '../model/pool.ts';
import { Register } from '../queue/register.ts';
import { Promises } from '../world/promises.ts';
import { Pace } from './pace.ts';
import { Verdicts } from './verdicts.ts';

const poolWith = (...cores: readonly number[]): Pool =>
  poolOf({
    nodes: cores.map((each, index) => aMachine(`pc-${index}`, { cores: each })),
    ...{ jobs: [], vms: [], vmis: [], migrations: [] },
  });

/** After a pass over these jobs, none of which got a machine, in a pool that the test changes. */
function setUp(...first: readonly ComputeJob[]) {
  const clock = new FakeClock(noon);
  const settings = {
    ...matchingSettings,
    ...{ restartsPerRoom: 4, batchMs: 5_000, windowMs: 120_000, halfLifeMs: 3_600_000, aheadMs: 60_000 },
    highest: 'Urgent' as const,
  };
  const register = new Register(settings);
  for (const job of first) register.set(keyOf(job), job, noon);
  let pool = poolWith(1);
  let asked = 0;
  const world = { promises: new Promises(), pool: () => ((asked += 1), pool) };
  const pace = new Pace({ clock, world } as unknown as Deps, register, new Verdicts());
  const passed = (...now: readonly ComputeJob[]): void => {
    pace.begins();
    pace.ended(passOver([aMachine('pc-0', { cores: 1 })], now), { pool, startMs: clock.monotonic() });
  };
  passed(...first);
  return {
    ...{ clock, pace, register, passed },
    becomes: (next: Pool) => void (pool = next),
    asked: () => asked,
  };
}

const big = aJob('big', { resources: { cores: 4 } }).published().job;

describe('the next pass', () => {
  it('is due when a machine fits somebody who waits, and not when a change gives nothing to anybody', () => {
    const { pace, becomes } = setUp(big);
    expect(pace.isDue).toBe(false);
    becomes(poolWith(1, 2));
    expect(pace.isDue).toBe(false);
    becomes(poolWith(1, 8));
    expect(pace.isDue).toBe(true);
  });

  it('comes in any case a quarter of a minute after a change, for the words', async () => {
    const { pace, becomes, clock } = setUp(big);
    becomes(poolWith(1, 2));
    expect(pace.isDue).toBe(false);
    expect(pace.dueInMs).toBe(15_000);
    await clock.advance(15_000);
    expect(pace.isDue).toBe(true);
  });

  it('is looked for once a second at most while nobody waits, whatever happens to the pool', async () => {
    const { pace, becomes, clock, asked } = setUp();
    for (let times = 0; times < 100; times += 1) {
      becomes(poolWith(1, 8));
      expect(pace.isDue).toBe(false);
      expect(pace.dueInMs).toBe(Infinity);
      await clock.advance(20);
    }
    expect(asked()).toBe(2);
  });

  it('does not wait for that second when somebody joins the line, nor when a machine is free for them after it', async () => {
    const { pace, becomes, clock, register, passed } = setUp();
    becomes(poolWith(1, 2));
    expect(pace.isDue).toBe(false);
    await clock.advance(10);
    register.set(keyOf(big), big, clock.now());
    expect(pace.isDue).toBe(true);
    passed(big);
    expect(pace.isDue).toBe(false);
    becomes(poolWith(1, 8));
    expect(pace.isDue).toBe(true);
  });
});
