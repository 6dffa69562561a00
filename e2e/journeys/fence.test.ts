// A machine is lost in every way while guests run on it: never do two guests of one job run at once, and where nothing was lost
// nothing is replaced. One event of each kind, from a seed that a failure prints; docs/trials.md tells of more. In the end nobody
// reaches the API server, for longer than a lease lasts.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until, type LabCluster } from '../src/cluster.ts';
import { random } from '../src/random.ts';
import { Arena } from '../trials/arena.ts';
import { kinds } from '../trials/kinds.ts';
import { playRound } from '../trials/round.ts';
import { labForTrials } from '../trials/trial-lab.ts';

const seed = Number(process.env.IDLEWILD_SEED ?? 20261121);
const chance = random(seed);
/** Longer than a lease, the operator's margin and a new start take together. */
const outageS = 25;

let lab: LabCluster;
const arenas: Arena[] = [];
beforeAll(async () => {
  lab = await labForTrials(3);
}, 300_000);
afterAll(async () => {
  for (const arena of arenas) arena.close();
  await lab.stop();
}, 60_000);

async function enter(...args: [names: readonly string[], shared?: readonly string[]]): Promise<Arena> {
  const arena = await Arena.open(lab, ...args);
  arenas.push(arena);
  return arena;
}

describe(`the guests of a lab (seed ${seed})`, () => {
  it.each(kinds.map((kind) => [kind.name, kind.outcome, kind] as const))(
    'on %s are %s, and never run twice',
    async (_name, outcome, kind) => {
      const arena = arenas[0] ?? (await enter(['one', 'two']));
      const trials = await playRound(arena, kind, chance);
      expect(trials.length).toBeGreaterThan(0);
      expect(trials.flatMap(({ violations }) => violations)).toEqual([]);
      if (outcome === 'kept') return;
      for (const { excused, createdS, runningS, apartS } of trials) {
        if (excused !== undefined) continue;
        expect(runningS).toBeGreaterThan(createdS ?? Number.NaN);
        expect(apartS).toBeGreaterThan(0);
      }
    },
    600_000,
  );
});

describe('an API server that nobody reaches', () => {
  it('costs a guest its life of which only one may be, and nothing to one of which two may be', async () => {
    const arena = await enter(['alone', 'shared'], ['shared']);
    await arena.calm();
    const [alone, shared] = arena.standings();
    // A guest that has just begun counts as one of which only one may be.
    await until('its agent knows which may be twice', () => Promise.resolve(arena.spares(shared!.machine)));
    const [ofAlone, ofShared] = [alone, shared].map((standing) => arena.silenceOf(standing!));
    arena.signal('apiserver', 'SIGSTOP');
    try {
      const silent = async (): Promise<boolean> => ofAlone!.longest() > outageS;
      await until('a guest has been silent for long', silent, { timeoutMs: 90_000 });
    } finally {
      arena.signal('apiserver', 'SIGCONT');
    }
    const silentS = ofShared!.longest();
    await arena.calm();
    const [aloneAfter, sharedAfter] = arena.standings();
    expect(silentS).toBeLessThan(5);
    expect(sharedAfter).toEqual(shared);
    expect(aloneAfter!.attempt).toBeGreaterThan(alone!.attempt);
    for (const { name } of [alone!, shared!]) expect(arena.takeViolations(name)).toEqual([]);
  }, 600_000);
});
