// How often somebody may ask: so many at once, then so many per second.
// Promises: whoever asks faster is told when to try again (429, Retry-After); those whom it does not remember begin afresh. Bounded.

import { TokenBucket } from '../kube/backoff.ts';
import type { Clock } from '../kube/clock.ts';
import { ExpiringCache } from '../server/expiring-cache.ts';
import { Problem } from '../server/problem.ts';

const mostAskers = 5_000;
const rememberedMs = 10 * 60_000;

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export class Pace {
  readonly #rate: Rate;
  readonly #clock: Clock;
  readonly #buckets = new ExpiringCache<TokenBucket>({ lifeMs: rememberedMs, capacity: mostAskers });

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Throws Problem 429. @param asker a user or an address. */
  take(asker: string): void {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(asker, now) ?? new TokenBucket(this.#rate);
    this.#buckets.set(asker, bucket, now);
    if (bucket.tryTake(now)) return;
    const seconds = Math.ceil(1 / this.#rate.perSecond);
    throw new Problem(429, `too many requests; try again in ${seconds} s`, {
      headers: { 'retry-after': String(seconds) },
    });
  }
}
