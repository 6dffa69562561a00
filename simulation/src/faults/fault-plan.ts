// Which faults there are, how often each of them comes, and the sets of them that tests use.

import { Random } from '../world/random.ts';

/** Probabilities per request (or per event of a watch), from 0 to 1. */
export interface FaultRates {
  /** An update is refused with 409 although it was made on the newest version. */
  readonly conflict: number;
  /** 429 with Retry-After; nothing was carried out. */
  readonly throttled: number;
  /** 500; half of the writes were carried out all the same. */
  readonly serverError: number;
  /** The connection breaks before the server has read the request. */
  readonly resetBefore: number;
  /** The connection breaks when the server has carried the request out. */
  readonly resetAfter: number;
  /** A request takes up to ten seconds. */
  readonly slow: number;
  /** The snapshot of a list in pages is gone when its next page is asked for. */
  readonly expiredPage: number;
  /** The position of a watch is too old: at its start, or as an error in between. */
  readonly expiredWatch: number;
  /** The connection of a watch breaks, told per event. */
  readonly brokenWatch: number;
  /** An event of a watch comes twice. */
  readonly duplicated: number;
  /** An event, and with it all that follow on the same watch, comes up to three seconds late. */
  readonly delayed: number;
  /** How far the operator's clock is off at most, ms; it jumps about twice in a minute. */
  readonly skewMs: number;
}

export type FaultKind = keyof FaultRates;

const none: FaultRates = {
  conflict: 0,
  throttled: 0,
  serverError: 0,
  resetBefore: 0,
  resetAfter: 0,
  slow: 0,
  expiredPage: 0,
  expiredWatch: 0,
  brokenWatch: 0,
  duplicated: 0,
  delayed: 0,
  skewMs: 0,
};

/** Much of one fault and nothing else. */
export const singleFaults: Readonly<Record<FaultKind, FaultRates>> = {
  conflict: { ...none, conflict: 0.3 },
  throttled: { ...none, throttled: 0.3 },
  serverError: { ...none, serverError: 0.3 },
  resetBefore: { ...none, resetBefore: 0.3 },
  resetAfter: { ...none, resetAfter: 0.3 },
  slow: { ...none, slow: 0.3 },
  expiredPage: { ...none, expiredPage: 1 },
  expiredWatch: { ...none, expiredWatch: 0.1 },
  brokenWatch: { ...none, brokenWatch: 0.1 },
  duplicated: { ...none, duplicated: 0.5 },
  delayed: { ...none, delayed: 0.5 },
  skewMs: { ...none, skewMs: 30_000 },
};

/** "mix": some of everything, how much of each depends on the seed. */
export type FaultSet = FaultKind | 'mix';

export function ratesOf(set: FaultSet, seed: number): FaultRates {
  return set === 'mix' ? mixedFaults(new Random(seed)) : singleFaults[set];
}

/** Some of everything, how much of each depends on the seed. */
export function mixedFaults(random: Random): FaultRates {
  const rate = (most: number): number => (random.chance(0.6) ? random.between(0, most) : 0);
  return {
    conflict: rate(0.15),
    throttled: rate(0.1),
    serverError: rate(0.1),
    resetBefore: rate(0.1),
    resetAfter: rate(0.15),
    slow: rate(0.2),
    expiredPage: rate(1),
    expiredWatch: rate(0.03),
    brokenWatch: rate(0.05),
    duplicated: rate(0.3),
    delayed: rate(0.4),
    skewMs: random.chance(0.5) ? 30_000 : 0,
  };
}
