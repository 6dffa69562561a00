import { describe, expect, it } from '@jest/globals';
import { lineOf, percentile, table, type Trial } from './report.ts';

describe('a percentile', () => {
  it.each([
    [[], 0.95, undefined],
    [[7], 0.95, 7],
    [[4, 1, 3, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.95, 4],
    [Array.from({ length: 100 }, (_, index) => index + 1), 0.95, 95],
  ] as const)('of %j at %d is %s', (values, part, expected) => {
    expect(percentile(values, part)).toBe(expected);
  });
});

const trial = (changes: Partial<Trial>): Trial => ({
  ...{
    event: 1,
    kind: 'power-off',
    job: 'a',
    machine: 'pc-1',
    violations: [],
    createdS: 12,
    runningS: 17,
    apartS: 17.2,
  },
  ...changes,
});

describe('the report', () => {
  it('has a row for each kind, also without a trial', () => {
    const rows = table(
      ['power-off', 'agent-kill', 'network-cut'],
      [
        trial({}),
        trial({ createdS: 13, runningS: 40, apartS: 3.04, violations: ['two at once'] }),
        { event: 2, kind: 'agent-kill', job: 'b', machine: 'pc-2', violations: [], silentS: 0.31 },
        { event: 2, kind: 'agent-kill', job: 'c', machine: 'pc-2', violations: [], excused: 'it was dark' },
      ],
    );
    expect(rows.slice(2)).toEqual([
      '| power-off | 1 | 2 | 1 | 0 | 12.0 | 13.0 | 17.0 | 40.0 | 3.0 | - |',
      '| agent-kill | 1 | 2 | 0 | 1 | - | - | - | - | - | 0.3 |',
      '| network-cut | 0 | 0 | 0 | 0 | - | - | - | - | - | - |',
    ]);
  });

  it('has a line for each trial, with all that was wrong', () => {
    expect(lineOf(trial({ apartS: undefined }))).toBe(
      '1. power-off pc-1 a: ok, VM created after 12.00 s, guest running after 17.00 s',
    );
    const wrong = trial({ createdS: undefined, runningS: undefined, apartS: undefined, violations: ['x', 'y'] });
    expect(lineOf(wrong)).toBe('1. power-off pc-1 a: VIOLATION, x, y');
    const excused = {
      event: 3,
      kind: 'api-restart',
      job: 'a',
      machine: 'pc-1',
      violations: [],
      excused: 'it was dark',
    };
    expect(lineOf(excused)).toBe('3. api-restart pc-1 a: lost, as it was dark');
  });
});
