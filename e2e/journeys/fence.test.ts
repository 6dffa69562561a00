// A machine is lost in every way while guests run on it: never do two guests of one job run at once, and where nothing was lost
// nothing is replaced. One event of each kind, from a seed that a failure prints; docs/trials.md tells of more.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LabCluster } from '../src/cluster.ts';
import { random } from '../src/random.ts';
import { Arena, labForTrials } from '../trials/arena.ts';
import { kinds } from '../trials/kinds.ts';
import { playRound } from '../trials/round.ts';

const seed = Number(process.env.IDLEWILD_SEED ?? 20261121);
const chance = random(seed);

let lab: LabCluster;
let arena: Arena;
beforeAll(async () => {
  lab = await labForTrials(3);
  arena = await Arena.open(lab, 2);
}, 300_000);
afterAll(async () => {
  arena.close();
  await lab.stop();
}, 60_000);

describe(`the guests of a lab (seed ${seed})`, () => {
  it.each(kinds.map((kind) => [kind.name, kind.outcome, kind] as const))(
    'on %s are %s, and never run twice',
    async (_name, outcome, kind) => {
      const trials = await playRound(arena, kind, chance);
      expect(trials.length).toBeGreaterThan(0);
      expect(trials.flatMap(({ violations }) => violations)).toEqual([]);
      if (outcome === 'kept') return;
      for (const { createdS, runningS, apartS } of trials) {
        expect(runningS).toBeGreaterThan(createdS ?? Number.NaN);
        expect(apartS).toBeGreaterThan(0);
      }
    },
    600_000,
  );
});
