// Times as the API server insists on them.
import { describe, expect, it } from '@jest/globals';
import { microTime, parseTime } from './micro-time.ts';

describe('microTime', () => {
  it.each<[number, string]>([
    [0, '1970-01-01T00:00:00.000000Z'],
    [Date.UTC(2026, 0, 2, 3, 4, 5, 678), '2026-01-02T03:04:05.678000Z'],
    [1.25, '1970-01-01T00:00:00.001250Z'],
  ])('writes %p ms as %p, always with six digits', (ms, text) => {
    expect(microTime(ms)).toBe(text);
  });

  it('reads back what it wrote, to the millisecond', () => {
    const now = Date.UTC(2026, 10, 21, 4, 5, 6, 7);
    expect(parseTime(microTime(now))).toBe(now);
  });

  it.each([undefined, null, '', 'yesterday'])('reads %p as no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});
