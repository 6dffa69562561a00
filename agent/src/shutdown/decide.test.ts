// Whether a shutdown waits.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideLock, longestDelayMs, type LockFacts, type LockReason } from './decide.ts';

const facts: LockFacts = { guests: 1, leavingForMs: undefined, limitMs: 20_000, held: false };

describe('the lock on shutdown and sleep', () => {
  it.each<[string, Partial<LockFacts>, boolean, LockReason]>([
    ['is taken beside a guest', {}, true, 'GuestsHere'],
    ['is kept beside a guest', { held: true }, true, 'GuestsHere'],
    ['is taken when guests cannot be counted', { guests: undefined }, true, 'GuestsHere'],
    ['is not taken on an empty machine', { guests: 0 }, false, 'NoGuests'],
    ['is given back when the last guest ends', { guests: 0, held: true }, false, 'NoGuests'],
    ['is not taken where nobody may wait', { limitMs: 0 }, false, 'LimitReached'],
    ['is kept while guests leave', { held: true, leavingForMs: 19_499 }, true, 'GuestsLeave'],
    ['is kept while those that are left are ended', { held: true, leavingForMs: 19_500 }, true, 'GuestsEnd'],
    ['is kept for that to its limit', { held: true, leavingForMs: 19_999 }, true, 'GuestsEnd'],
    ['is given back when they have gone', { held: true, guests: 0, leavingForMs: 3 }, false, 'GuestsGone'],
    ['is given back at the limit', { held: true, leavingForMs: 20_000 }, false, 'LimitReached'],
    [
      'is given back at the limit of guests nobody can count',
      { held: true, guests: undefined, leavingForMs: 20_000 },
      false,
      'LimitReached',
    ],
    ['is not taken once the machine leaves', { leavingForMs: 0 }, false, 'TooLate'],
  ])('%s', (_what, o, hold, reason) => {
    expect(decideLock({ ...facts, ...o })).toEqual({ hold, reason });
  });

  it('never holds up an empty machine, nor any machine past its limit', () => {
    const leavingForMs = fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined });
    const any = fc.record({
      guests: fc.option(fc.nat(3), { nil: undefined }),
      leavingForMs,
      limitMs: fc.integer({ min: 0, max: 30_000 }),
      held: fc.boolean(),
    });
    fc.assert(
      fc.property(any, (each) => {
        const { hold } = decideLock(each);
        expect(hold && (each.guests === 0 || (each.leavingForMs ?? 0) > each.limitMs)).toBe(false);
      }),
    );
  });

  it.each([
    ['what is configured', 25_000, 60_000, 25_000],
    ['less than logind grants', 25_000, 10_000, 9_000],
    ['less than logind usually grants, when it does not tell', 25_000, undefined, 4_000],
    ['nothing where logind grants next to nothing', 25_000, 500, 0],
  ])('lasts no longer than %s', (_what, configured, granted, longest) => {
    expect(longestDelayMs(configured, granted)).toBe(longest);
  });
});
