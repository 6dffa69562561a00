// Nothing that must never happen happens in the second hundred of two hundred small pools; see seeds-1-to-100.test.ts.
import { describe, expect, it } from '@jest/globals';
import { groupsOf, groupSize, runGroup } from './small-pools.ts';

describe('no invariant is broken in pools with much trouble', () => {
  it.each(groupsOf(101, 200))(
    `in the ${groupSize} from seed %i on`,
    async (first) => {
      for (const { summary } of await runGroup(first)) expect(summary.jobs.succeeded).toBeGreaterThan(0);
    },
    300_000,
  );
});
