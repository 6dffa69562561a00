// How often the runners-up of running jobs are looked at, and written.
import { describe, expect, it } from '@jest/globals';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Deps } from '../deps.ts';
import { FakeClock } from '../kube/clock.ts';
import { keyOf } from '../kube/object.ts';
import { poolOf } from '../model/pool.ts';
import { Review } from './review.ts';
import { Verdicts } from './verdicts.ts';
import { WriteGate } from './write-gate.ts';

const minuteMs = 60_000;
const pool = poolOf({
  nodes: ['pc-1', 'pc-4', 'pc-5'].map((name) => aMachine(name)),
  ...{ jobs: [], vms: [], vmis: [], migrations: [] },
});

/** Jobs whose runners-up never fit: whatever is written names another machine that is gone. */
function setUp(names: readonly string[]) {
  const clock = new FakeClock(noon);
  const jobs = new Map<string, ComputeJob>();
  const written: (readonly [name: string, minute: number])[] = [];
  for (const name of names) {
    const { job } = aJob(name)
      .published()
      .claimedBy('pc-1', { runnersUp: ['gone'] });
    jobs.set(keyOf(job), job);
  }
  const gate = new WriteGate({
    inFlight: 16,
    onDone: () => undefined,
    onError: (_key, _kind, error) => {
      throw error;
    },
  });
  const writer = {
    status: (job: ComputeJob) => {
      written.push([job.metadata.name, clock.monotonic() / minuteMs]);
      return Promise.resolve(job);
    },
  };
  const deps = { clock, writer, world: { jobs: { get: (key: string) => jobs.get(key) } } };
  const review = new Review(deps as unknown as Deps, gate, { runnersUp: 1, reviewMs: 30 * minuteMs });
  const verdicts = new Verdicts();
  verdicts.sync(pool);
  const pass = async (minutes: number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute++) {
      await clock.advance(minuteMs);
      review.look(pool, verdicts);
    }
  };
  return { review, written, jobs, gate, pass };
}

describe('the review of runners-up', () => {
  it('writes the list of a job the less often the longer it runs', async () => {
    const { review, written, pass } = setUp(['a']);
    review.running('default/a');
    await pass(16 * 60);
    expect(written.map(([, minute]) => minute)).toEqual([30, 60, 120, 240, 480, 960]);
  });

  it('takes a few jobs at a time, and comes to all of them', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `j${n}`);
    const { review, written, pass } = setUp(names);
    for (const name of names) review.running(`default/${name}`);
    await pass(33);
    expect(written.map(([, minute]) => minute)).toEqual([30, 30, 30, 30, 31, 31, 31, 31, 32, 32]);
    expect(written.map(([name]) => name)).toEqual(names);
  });

  it('leaves alone who does not run any more, and who is being written', async () => {
    const { review, written, gate, pass } = setUp(['ended', 'busy']);
    let release = (): void => undefined;
    for (const name of ['ended', 'busy']) review.running(`default/${name}`);
    review.forget('default/ended');
    gate.put('default/busy', 'claim', () => new Promise((resolve) => (release = resolve)));
    await pass(59);
    expect(written).toEqual([]);
    release();
    await pass(1);
    expect(written).toEqual([['busy', 60]]);
  });

  it('counts from when a job runs again', async () => {
    const { review, written, pass } = setUp(['a']);
    review.running('default/a');
    await pass(20);
    review.running('default/a');
    await pass(9);
    expect(written).toEqual([]);
    review.forget('default/a');
    review.running('default/a');
    await pass(29);
    expect(written).toEqual([]);
    await pass(1);
    expect(written).toEqual([['a', 59]]);
  });
});
