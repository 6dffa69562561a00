// The numbers of a run as people read them.
import { describe, expect, it } from '@jest/globals';
import { compared, isMet, median, quantile, scaled, type Figure, type Scale } from './figures.ts';
import { markdown, table } from './report.ts';

const rate = compared({ name: 'jobs', unit: '/s', aim: { of: 'ratio', is: 'at least', limit: 0.8 } }, [
  { value: 90, bare: 100 },
  { value: 40, bare: 100 },
  { value: 85, bare: 100 },
]);
const memory: Figure = {
  name: 'memory',
  unit: 'MB',
  value: 312.25,
  aim: { of: 'value', is: 'at most', limit: 300 },
  note: 'with a note',
};

describe('figures', () => {
  it('are medians over rounds', () => {
    expect(rate).toMatchObject({ value: 85, bare: 100, ratio: 0.85 });
    expect([median([]), quantile([1, 2, 3, 4, 5], 0.95), quantile([7], 0.5)]).toEqual([NaN, 4.8, 7]);
  });

  it('meet an aim of their value or of their ratio, or have none', () => {
    expect([
      isMet(rate),
      isMet(memory),
      isMet({ ...memory, value: 300 }),
      isMet({ name: 'x', unit: '', value: 1 }),
    ]).toEqual([true, false, true, undefined]);
    expect(isMet({ name: 'x', unit: '', value: 1, aim: { of: 'ratio', is: 'at least', limit: 0 } })).toBe(false);
  });

  it('are told in a table whose columns are in line, and in Markdown', () => {
    expect(table([rate, memory]).split('\n')).toEqual([
      'figure  operator  bare client  ratio  aim                 met  notes',
      'jobs       85 /s       100 /s   0.85  ratio at least 0.8  yes',
      'memory    312 MB                      at most 300         no   with a note',
    ]);
    expect(markdown([memory], 'a machine').split('\n')).toEqual([
      'Measured on a machine.',
      '',
      '| figure | operator | bare client | ratio | aim | met | notes |',
      '| --- | --: | --: | --: | --- | --- | --- |',
      '| memory | 312 MB |  |  | at most 300 | no | with a note |',
      '',
    ]);
  });

  it('come from fewer machines and jobs when a fraction is wanted', () => {
    const scale: Scale = {
      rounds: 3,
      machines: 1000,
      queued: 50,
      steady: { waiting: 10, jobs: 10, perSecond: 5 },
      life: { atOnce: 10, later: 3 },
      large: { finished: 10, running: 10, waiting: 10 },
      growth: { fewer: 10, jobs: 10 },
      pages: { jobs: 10, streams: 10, changes: 10, consoles: 10, seconds: 10 },
      started: 3,
      quietMs: 100,
    };
    const { machines, rounds, life, steady } = scaled(scale, 0.1);
    expect({ machines, rounds, life, steady }).toEqual({
      machines: 100,
      rounds: 3,
      life: { atOnce: 1, later: 1 },
      steady: { waiting: 1, jobs: 1, perSecond: 5 },
    });
  });
});
