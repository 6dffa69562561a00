// How a condition list changes.
import { describe, expect, it } from '@jest/globals';
import { getCondition, isTrue, setCondition, type Condition } from './conditions.ts';

const earlier = '2026-01-01T00:00:00Z';
const later = '2026-01-01T00:05:00.123Z';
const claimed = {
  type: 'Claimed',
  status: 'True',
  reason: 'FirstReady',
  message: 'pc-1',
  observedGeneration: 1,
} as const;

describe('setCondition', () => {
  it('adds a type that is not there yet, with the time in whole seconds', () => {
    expect(setCondition(undefined, claimed, later)).toEqual([
      { ...claimed, lastTransitionTime: '2026-01-01T00:05:00Z' },
    ]);
  });

  it('returns the very same list when nothing changes', () => {
    const list = setCondition([], claimed, earlier);
    expect(setCondition(list, claimed, later)).toBe(list);
  });

  it('keeps the transition time when only the words change', () => {
    const list = setCondition([], claimed, earlier);
    const [condition] = setCondition(list, { ...claimed, message: 'pc-2' }, later);
    expect(condition).toMatchObject({ message: 'pc-2', lastTransitionTime: earlier });
  });

  it('moves the transition time when the status changes, and leaves other types and the old list alone', () => {
    const other: Condition = { type: 'Published', status: 'True' };
    const list = setCondition([other], claimed, earlier);
    const next = setCondition(list, { ...claimed, status: 'False', reason: 'MachineLost' }, later);
    expect(next).toEqual([
      other,
      { ...claimed, status: 'False', reason: 'MachineLost', lastTransitionTime: '2026-01-01T00:05:00Z' },
    ]);
    expect(list[1]).toMatchObject({ status: 'True', lastTransitionTime: earlier });
  });

  it('counts a condition as true only when it says True', () => {
    const list: Condition[] = [
      { type: 'A', status: 'True' },
      { type: 'B', status: 'Unknown' },
    ];
    expect([isTrue(list, 'A'), isTrue(list, 'B'), isTrue(list, 'C'), isTrue(undefined, 'A')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(getCondition(list, 'B')?.status).toBe('Unknown');
  });
});
