import { describe, expect, it } from '@jest/globals';
import { exactSpan } from './time.ts';
import { panned, placeOf, ticksOf, zoomed } from './timeline-view.ts';

const whole = { from: 0, to: 100_000 };
const minute = 60_000;

describe('a view of a timeline', () => {
  it('is zoomed around the time that one points at', () => {
    expect(zoomed(whole, whole, 0.5, 20_000)).toEqual({ from: 10_000, to: 60_000 });
    expect(zoomed({ from: 10_000, to: 60_000 }, whole, 0.5, 60_000)).toEqual({ from: 35_000, to: 60_000 });
  });

  it('shows all of it rather than more than there is', () => {
    expect(zoomed({ from: 10_000, to: 60_000 }, whole, 2, 20_000)).toBeUndefined();
    expect(zoomed({ from: 80_000, to: 100_000 }, whole, 2, 100_000)).toEqual({ from: 60_000, to: 100_000 });
  });

  it('never shows less than two seconds, or less than a job that is shorter', () => {
    expect(zoomed({ from: 0, to: 3_000 }, whole, 0.1, 0)).toEqual({ from: 0, to: 2_000 });
    expect(zoomed({ from: 0, to: 900 }, { from: 0, to: 900 }, 0.1, 0)).toBeUndefined();
  });

  it('stops at the beginning and at the end', () => {
    const view = { from: 10_000, to: 30_000 };
    expect(panned(view, whole, 0.5)).toEqual({ from: 20_000, to: 40_000 });
    expect(panned(view, whole, -9)).toEqual({ from: 0, to: 20_000 });
    expect(panned(view, whole, 9)).toEqual({ from: 80_000, to: 100_000 });
  });

  it('cuts what is only partly in it, and leaves out what is not', () => {
    const view = { from: 20_000, to: 40_000 };
    expect(placeOf(view, 0, 30_000)).toEqual({ left: 0, width: 50 });
    expect(placeOf(view, 25_000, 25_000)).toEqual({ left: 25, width: 0 });
    expect(placeOf(view, 0, 19_000)).toBeUndefined();
    expect(placeOf(view, 41_000, 50_000)).toBeUndefined();
  });

  it.each([
    [5_000, 6, 1_000],
    [100_000, 6, 30_000],
    [40 * minute, 5, 10 * minute],
    [30 * 60 * minute, 6, 6 * 60 * minute],
    [400 * 24 * 60 * minute, 5, 90 * 24 * 60 * minute],
  ])('of %i ms with room for %i has ticks every %i ms', (width, most, stepMs) => {
    const ticks = ticksOf({ from: 123, to: 123 + width }, most, 0);
    expect(ticks.stepMs).toBe(stepMs);
    expect(ticks.at.length).toBeGreaterThan(0);
    expect(ticks.at.length).toBeLessThanOrEqual(most + 1);
    for (const at of ticks.at) expect(at % stepMs).toBe(0);
  });

  it('has its ticks at round times of the reader, not of Greenwich', () => {
    const view = { from: 0, to: 24 * 60 * minute };
    const [first = NaN] = ticksOf(view, 4, 5.5 * 60 * minute).at;
    expect((first + 5.5 * 60 * minute) % (6 * 60 * minute)).toBe(0);
  });
});

it.each([
  [0, '0 s'],
  [900, '0.9 s'],
  [9_940, '9.9 s'],
  [9_960, '10 s'],
  [180_000, '3 min'],
])('%i ms are told as %s', (ms, text) => {
  expect(exactSpan(ms)).toBe(text);
});
