// Durations of the API.
import { describe, expect, it } from '@jest/globals';
import { durationMs, inWords } from './duration.ts';

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '5d', '1.5h', '-5m', '5m '])('"%s" is none', (text) => {
    expect(() => durationMs(text)).toThrow(RangeError);
  });

  it.each([
    [6_000, '6 s'],
    [300_000, '5 min'],
    [9_000_000, '2.5 h'],
  ])('of %i ms is "%s" in words', (ms, words) => {
    expect(inWords(ms)).toBe(words);
  });
});
