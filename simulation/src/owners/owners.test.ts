// Owners: patterns that look like a lab's week, and recorded traces that are read as they are written.
import { describe, expect, it } from '@jest/globals';
import { Random } from '../world/random.ts';
import { PatternOwners, type OwnedMachine } from './patterns.ts';
import { parseOwnerTrace, TracedOwners } from './trace-file.ts';
import { dayMs, hourMs, joined, type Visit } from './visit.ts';

const machines: OwnedMachine[] = Array.from({ length: 60 }, (_, index) => ({
  name: `pc-${index}`,
  room: `room-${index % 3}`,
  kind: (['office', 'teaching', 'dedicated'] as const)[index % 3] ?? 'office',
}));

function hoursOn(owners: PatternOwners, kind: string, day: number): number {
  const own = machines.filter((machine) => machine.kind === kind);
  const visits = own.flatMap(({ name }) => owners.visitsOn(name, day));
  return visits.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / hourMs / own.length;
}

describe('patterns of owners', () => {
  const owners = new PatternOwners(new Random(1), machines);

  it('fill offices on working days and leave them at weekends', () => {
    expect(hoursOn(owners, 'office', 1)).toBeGreaterThan(3);
    expect(hoursOn(owners, 'office', 6)).toBeLessThan(1);
    expect(hoursOn(owners, 'dedicated', 1)).toBe(0);
  });

  it('bring a course into its whole room at the same time', () => {
    const starts = machines
      .filter(({ kind }) => kind === 'teaching')
      .flatMap(({ name }) => owners.visitsOn(name, 1).map(({ fromMs }) => (fromMs - dayMs) / hourMs));
    const lessons = [8.25, 10.25, 13.25, 15.25, 17.25];
    const atLessons = starts.filter((hour) => lessons.some((lesson) => Math.abs(hour - lesson) < 0.2));
    expect(atLessons.length).toBeGreaterThan(starts.length / 3);
  });

  it('are the same for the same seed, in whatever order they are asked', () => {
    const again = new PatternOwners(new Random(1), machines);
    const late = again.visitsOn('pc-3', 4);
    expect([again.visitsOn('pc-0', 2), late]).toEqual([owners.visitsOn('pc-0', 2), owners.visitsOn('pc-3', 4)]);
  });

  it('never overlap within a day', () => {
    for (const { name } of machines) {
      const visits = owners.visitsOn(name, 2);
      expect(joined(visits)).toEqual(visits);
    }
  });
});

describe('a recorded trace', () => {
  const visits = (text: string): Visit[] => [...parseOwnerTrace(text).values()].flat();

  it.each([
    ['CSV with seconds', 'machine,from,to\na,60,120\n', [{ fromMs: 60_000, toMs: 120_000 }]],
    ['JSON lines', '{"machine":"a","from":0,"to":1.5}\n', [{ fromMs: 0, toMs: 1_500 }]],
    [
      'dates, from the midnight before',
      'a,2026-03-02T01:00:00Z,2026-03-02T02:00:00Z',
      [{ fromMs: hourMs, toMs: 2 * hourMs }],
    ],
    ['visits that touch, as one', 'a,0,10\n# a pause\n\na,10,20', [{ fromMs: 0, toMs: 20_000 }]],
  ])('is read from %s', (_name, text, expected) => {
    expect(visits(text)).toEqual(expected);
  });

  it.each([
    ['a,1', 'line 1: must be "machine,from,to"'],
    ['a,1,2\nb,soon,3', 'line 2: from must be RFC 3339 or seconds'],
    ['a,5,2', 'line 1: to must not be before from'],
    ['{"machine":1}', 'line 1: machine must be a text'],
    ['{oops', 'line 1: is no JSON'],
    ['a,0,1\nb,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z', 'mixes dates with seconds'],
    ['', 'holds no visit'],
  ])('%j is refused', (text, words) => {
    expect(() => parseOwnerTrace(text)).toThrow(words);
  });

  it('is given to machines in turn and repeated when it ends', () => {
    const owners = new TracedOwners(parseOwnerTrace('x,3600,7200\ny,0,60'), ['pc-1', 'pc-2', 'pc-3']);
    expect(owners.visitsOn('pc-3', 0)).toEqual([{ fromMs: hourMs, toMs: 2 * hourMs }]);
    expect(owners.visitsOn('pc-1', 2)).toEqual([{ fromMs: 2 * dayMs + hourMs, toMs: 2 * dayMs + 2 * hourMs }]);
    expect(owners.visitsOn('pc-2', 1)).toEqual([{ fromMs: dayMs, toMs: dayMs + 60_000 }]);
  });
});
