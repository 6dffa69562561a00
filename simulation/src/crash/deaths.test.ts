// An operator that is killed before or after any of its writes is followed by one that brings everything to the same end.
import { describe, expect, it } from '@jest/globals';
import { play } from './play.ts';
import { scenarios } from './scenarios.ts';

const named = scenarios.map((scenario) => [scenario.name, scenario] as const);
const patienceMs = 120_000;

describe.each(['before', 'after'] as const)('an operator killed %s any one of its writes', (when) => {
  it.each(named)(
    'leaves %s to one that ends it',
    async (_name, scenario) => {
      let killed = 0;
      for (let write = 1; ; write++) {
        const { deaths } = await play(scenario, { death: { write, when } });
        if (deaths === 0) break;
        killed++;
      }
      expect(killed).toBeGreaterThan(0);
    },
    patienceMs,
  );
});

describe('operators that each live for a few writes', () => {
  it.each(named)(
    'bring %s to its end together',
    async (_name, scenario) => {
      let killed = 0;
      for (const write of [1, 2, 3]) {
        const death = { write, when: 'after', carriedOut: true } as const;
        killed += (await play(scenario, { death, everyLife: true })).deaths;
      }
      expect(killed).toBeGreaterThan(0);
    },
    patienceMs,
  );
});
