// Delays and allowances as arithmetic.
import { describe, expect, it } from '@jest/globals';
import { Backoff, backoffMs, TokenBucket } from './backoff.ts';
import { createRateLimiter } from './rate-limiter.ts';

describe('backoffMs', () => {
  it.each<[number, number, number]>([
    [0, 0, 100],
    [1, 0, 200],
    [3, 0, 800],
    [10, 0, 1_000],
    [5_000, 0, 1_000],
    [0, 1, 50],
    [10, 0.5, 750],
  ])('of attempt %p with random %p is %p ms', (attempt, random, expected) => {
    expect(backoffMs(attempt, { baseMs: 100, maxMs: 1_000, jitter: 0.5 }, () => random)).toBe(expected);
  });

  it('starts over after a reset', () => {
    const backoff = new Backoff({ baseMs: 10, maxMs: 100 }, () => 0);
    expect([backoff.next(), backoff.next(), backoff.attempts]).toEqual([10, 20, 2]);
    backoff.reset();
    expect(backoff.next()).toBe(10);
  });
});

describe('TokenBucket', () => {
  it('lets a burst through and then one per refill', () => {
    const bucket = new TokenBucket({ perSecond: 2, burst: 3 });
    expect([0, 0, 0, 0, 499, 500, 501].map((at) => bucket.tryTake(at))).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it('never holds more than its burst, however long it rested', () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 1 });
    bucket.tryTake(0);
    expect([bucket.tryTake(1_000_000), bucket.tryTake(1_000_000)]).toEqual([true, false]);
  });

  it('tells a debtor how long to wait, each one longer than the last', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 1 });
    expect([bucket.reserve(0), bucket.reserve(0), bucket.reserve(0)]).toEqual([0, 100, 200]);
  });
});

describe('the rate limiter of a queue', () => {
  it('doubles per key from 5 ms to 30 s, apart from other keys, until the key is forgotten', () => {
    const limiter = createRateLimiter({ burst: 1_000 });
    const delays = Array.from({ length: 14 }, () => limiter.next('a', 0));
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(delays.at(-1)).toBe(30_000);
    expect(limiter.next('b', 0)).toBe(5);
    expect(limiter.failures('a')).toBe(14);
    limiter.forget('a');
    expect([limiter.failures('a'), limiter.next('a', 0)]).toEqual([0, 5]);
  });

  it('spreads many different failing keys over time', () => {
    const limiter = createRateLimiter({ perSecond: 10, burst: 2 });
    expect(['a', 'b', 'c', 'd'].map((key) => limiter.next(key, 0))).toEqual([5, 5, 100, 200]);
  });
});
