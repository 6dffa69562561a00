// The numbers of a run and how they are shown.
import { describe, expect, it } from '@jest/globals';
import { csvOf } from './csv.ts';
import { plotOf } from './plot.ts';
import { duration, jain, percentiles, summarize, type Summary } from './summary.ts';
import type { HourRow, Tally } from './tally.ts';

const row = (hour: number): HourRow => ({
  ...{ hour, lentCores: 100, usedCores: 40, waitingJobs: 3, runningJobs: 9, ownersPresent: 5, machinesAway: 1 },
  ...{ usefulCoreHours: 12.3456, lostCoreHours: 0.5, operatorWrites: 70, migrations: 2 },
});

describe('numbers', () => {
  it.each([
    [[1, 1, 1, 1], 1],
    [[4, 0, 0, 0], 0.25],
    [[], 1],
    [[0, 0], 1],
  ])('of shares %j Jain makes %d', (values, expected) => {
    expect(jain(values)).toBeCloseTo(expected);
  });

  it('tell unequal wishes from unfairness', () => {
    const tally = {
      ...{ jobs: new Map(), purposes: new Map(), ends: new Map() },
      asked: new Map([...Object.entries({ biology: 90, physics: 10 }), ['courses', 0] as const]),
      service: new Map(Object.entries({ biology: 90, physics: 10 })),
    } as unknown as Tally;
    const weights = new Map(Object.entries({ biology: 1, physics: 1 }));
    const { fairness, evenness } = summarize(tally, weights);
    expect({ fairness, evenness }).toEqual({ fairness: 1, evenness: expect.closeTo(0.61) });
    tally.service.set('physics', 1);
    expect(summarize(tally, weights).fairness).toBeCloseTo(0.6);
  });

  it('are percentiles of what was measured', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentiles(values)).toEqual({ count: 100, median: 51, p95: 96, p99: 100 });
    expect(percentiles([])).toEqual({ count: 0, median: 0, p95: 0, p99: 0 });
  });

  it.each([
    [0.25, '0.3 s'],
    [42, '42 s'],
    [600, '10 min'],
    [9_000, '2.5 h'],
  ])('of %d seconds are said as %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('a run', () => {
  it('is written as CSV with a row per hour', () => {
    const [head, first] = csvOf([row(0), row(1)]).split('\n');
    expect(head).toBe(
      'hour,lentCores,usedCores,waitingJobs,runningJobs,ownersPresent,machinesAway,usefulCoreHours,lostCoreHours,operatorWrites,migrations',
    );
    expect(first).toBe('0,100,40,3,9,5,1,12.346,0.5,70,2');
  });

  it('is drawn as well-formed SVG, titles escaped', () => {
    const summary = {
      ...{ offeredCoreHours: 100, usefulCoreHours: 40, lostCoreHours: 1, goodput: 0.4, fairness: 0.9, migrations: 2 },
      waiting: new Map([['all', percentiles([1, 2, 3])]]),
    } as unknown as Summary;
    const svg = plotOf(
      Array.from({ length: 49 }, (_, hour) => row(hour)),
      summary,
      'a < b & c',
    );
    expect(svg).toContain('a &lt; b &amp; c');
    expect(svg).not.toContain('NaN');
    expect(svg.match(/<(svg|g|text)\b/g)?.length).toBe(svg.match(/<\/(svg|g|text)>/g)?.length);
    expect(svg).toContain('>Mon</text>');
    expect(svg).toContain('>Tue</text>');
  });
});
