// How long a key that failed waits in a work queue.
// Promises: per-key exponential delay, and a bucket over all keys, whichever is longer (client-go's default limiter, but
// with a ceiling of 30 s instead of 1000 s: a user is watching).

import { backoffMs, TokenBucket, type BackoffOptions } from './backoff.ts';

export interface RateLimiter {
  /** The ms to wait; counts as one more failure of `key`. */
  next(key: string, nowMs: number): number;
  failures(key: string): number;
  forget(key: string): void;
}

export interface RateLimiterOptions {
  readonly backoff?: BackoffOptions | undefined;
  readonly perSecond?: number | undefined;
  readonly burst?: number | undefined;
  readonly random?: (() => number) | undefined;
}

export function createRateLimiter(options: RateLimiterOptions = {}): RateLimiter {
  const backoff = options.backoff ?? { baseMs: 5, maxMs: 30_000 };
  const random = options.random ?? Math.random;
  const bucket = new TokenBucket({ perSecond: options.perSecond ?? 10, burst: options.burst ?? 100 });
  const failures = new Map<string, number>();
  return {
    next(key, nowMs) {
      const attempt = failures.get(key) ?? 0;
      failures.set(key, attempt + 1);
      return Math.max(backoffMs(attempt, backoff, random), bucket.reserve(nowMs));
    },
    failures: (key) => failures.get(key) ?? 0,
    forget: (key) => void failures.delete(key),
  };
}
