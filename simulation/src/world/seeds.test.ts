// Two hundred small pools, each with another chance and with more trouble than any lab should have: nothing that must never
// happen happens in any of them. A seed that fails says how to see it again.
import { describe, expect, it } from '@jest/globals';
import { runWatched, type RunOptions } from './run.ts';

const size = { machines: 12, jobs: 40, days: 1, load: 0.5, trouble: 'much' } as const;
const seeds = 200;
/** Jest is shown progress, and a failure names few seeds at once. */
const groupSize = 20;

function small(seed: number): RunOptions {
  const { machines, jobs, days, load, trouble } = size;
  const flags = `--machines ${machines} --jobs ${jobs} --days ${days} --load ${load} --trouble ${trouble}`;
  return { ...size, seed, replay: `npm run sim -- ${flags} --seed ${seed}` };
}

describe('no invariant is broken in pools with much trouble', () => {
  const groups = Array.from({ length: seeds / groupSize }, (_, group) => group * groupSize + 1);
  it.each(groups)(
    `in the ${groupSize} from seed %i on`,
    async (first) => {
      for (let seed = first; seed < first + groupSize; seed++) {
        const { summary } = await runWatched(small(seed));
        expect(summary.jobs.succeeded).toBeGreaterThan(0);
      }
    },
    300_000,
  );
});

describe('a seed', () => {
  it('gives the same run again, write by write', async () => {
    const [first, second] = [await runWatched(small(3)), await runWatched(small(3))];
    expect([...second.tally.writes]).toEqual([...first.tally.writes]);
    expect(second.tally.rows).toEqual(first.tally.rows);
    expect(second.timersFired).toBe(first.timersFired);
  }, 60_000);
});
