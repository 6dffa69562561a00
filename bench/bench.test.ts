// Every measurement in a tiny world: it yields its figures, and its own checks hold (each job claimed exactly once).
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, Site } from './core/cluster.ts';
import type { Bench, Scale } from './core/figures.ts';
import { withoutLab } from './measurements/all.ts';

const tiny: Scale = {
  rounds: 1,
  machines: 5,
  queued: 20,
  steady: { waiting: 4, jobs: 4, perSecond: 20 },
  life: { atOnce: 4, later: 2 },
  large: { finished: 2, running: 5, waiting: 5 },
  growth: { fewer: 1, jobs: 5 },
  pages: { jobs: 5, streams: 4, changes: 3, consoles: 4, seconds: 1 },
  started: 0,
  quietMs: 250,
};

let bench: Bench;

beforeAll(async () => {
  bench = { site: await Site.make(), kubeletPort: await freePort(), scale: tiny, say: () => undefined };
}, 60_000);

afterAll(() => bench.site.close(), 60_000);

describe('the measurement', () => {
  it.each(withoutLab.map(({ name, run }) => [name, run] as const))(
    '"%s" yields figures',
    async (_name, run) => {
      const figures = await run(bench);
      expect(figures.length).toBeGreaterThan(0);
      for (const { value, ratio = 1, name } of figures) {
        // What is added may be less than what times vary by.
        const good = value > 0 || name.includes('added');
        expect([name, Number.isFinite(value), good, ratio > 0]).toEqual([name, true, true, true]);
      }
    },
    120_000,
  );
});
