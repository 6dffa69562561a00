// Nothing that must never happen happens in the first hundred of two hundred small pools; the other hundred are a file of their
// own, so that two workers share them. A seed that fails says how to see it again.
import { describe, expect, it } from '@jest/globals';
import { groupsOf, groupSize, runGroup, runSmall } from './small-pools.ts';

describe('no invariant is broken in pools with much trouble', () => {
  it.each(groupsOf(1, 100))(
    `in the ${groupSize} from seed %i on`,
    async (first) => {
      for (const { summary } of await runGroup(first)) expect(summary.jobs.succeeded).toBeGreaterThan(0);
    },
    300_000,
  );
});

describe('a seed', () => {
  it('gives the same run again, write by write', async () => {
    const [first, second] = [await runSmall(3), await runSmall(3)];
    expect([...second.tally.writes]).toEqual([...first.tally.writes]);
    expect(second.tally.rows).toEqual(first.tally.rows);
    expect(second.timersFired).toBe(first.timersFired);
  }, 60_000);
});
