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
        const { lives } = await play(scenario, { death: { write, when } });
        if (lives === 1) break;
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
      const death = { write: 3, when: 'after', carriedOut: true } as const;
      const { lives } = await play(scenario, { death, everyLife: true });
      expect(lives).toBeGreaterThan(0);
    },
    patienceMs,
  );
});
