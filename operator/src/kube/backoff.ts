// How long to wait before trying again, and how often something may happen at all.
// Promises: pure arithmetic over an injected random source and injected times. Must not start timers.

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Growth per attempt, 2 unless told. */
  readonly factor?: number;
  /** Share of the delay that is random: 0.5 gives a delay between 50 % and 100 % of the computed one. 0 unless told. */
  readonly jitter?: number;
}

/** The delay in ms before retry number `attempt` (0 is the first), never above `maxMs`. */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number): number {
  const { baseMs, maxMs, factor = 2, jitter = 0 } = options;
  const full = Math.min(maxMs, baseMs * factor ** attempt);
  return full * (1 - jitter * random());
}

/** A run of consecutive failures of one thing. */
export class Backoff {
  #attempt = 0;
  readonly #options: BackoffOptions;
  readonly #random: () => number;

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** Failures since the last reset. */
  get attempts(): number {
    return this.#attempt;
  }

  next(): number {
    return backoffMs(this.#attempt++, this.#options, this.#random);
  }

  reset(): void {
    this.#attempt = 0;
  }
}

/** A bucket of `burst` tokens that refills at `perSecond`. Times are monotonic ms handed in by the caller. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number | undefined;

  constructor(options: { readonly perSecond: number; readonly burst: number }) {
    this.#perMs = options.perSecond / 1000;
    this.#burst = options.burst;
    this.#tokens = options.burst;
  }

  /** Takes a token if there is one. */
  tryTake(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes a token, in debt if need be, and says how many ms to wait until it is covered. */
  reserve(nowMs: number): number {
    this.#refill(nowMs);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }

  #refill(nowMs: number): void {
    if (this.#at !== undefined) {
      this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#at) * this.#perMs);
    }
    this.#at = nowMs;
  }
}
