// Every scenario comes to its end under each kind of fault, and under mixes of them.
import { describe, expect, it } from '@jest/globals';
import { singleFaults, type FaultKind } from '../faults/fault-plan.ts';
import { play } from './play.ts';
import { scenarios } from './scenarios.ts';

const named = scenarios.map((scenario) => [scenario.name, scenario] as const);
const kinds = Object.keys(singleFaults) as FaultKind[];
const patienceMs = 240_000;
const seeds = 50;

describe.each(kinds)('under much of the fault "%s"', (kind) => {
  it(
    'every scenario comes to its end',
    async () => {
      let came = 0;
      for (const [, scenario] of named) {
        const { faults } = await play(scenario, { seed: 1, faults: kind });
        came += faults.get(kind) ?? 0;
      }
      expect(came).toBeGreaterThan(0);
    },
    patienceMs,
  );
});

describe(`under ${seeds} mixes of faults`, () => {
  it.each(named)(
    'come to the end: %s',
    async (_name, scenario) => {
      for (let seed = 1; seed <= seeds; seed++) {
        // Every third of them is killed besides.
        const death = seed % 3 === 0 ? ({ write: 1 + (seed % 13), when: 'after' } as const) : undefined;
        await play(scenario, { seed, faults: 'mix', death });
      }
    },
    patienceMs,
  );
});
