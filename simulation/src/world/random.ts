// Chance that can be played again: one seed gives the same simulation to the last digit.
// Promises: streams that are forked under different names do not disturb each other, so that adding a question to one part of
// the simulation changes no answer in another. Must not read any other source of randomness.

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export class Random {
  readonly #seed: number;
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  /** @param seed a whole number; only its lower 32 bits count. */
  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#generator = xoroshiro128plus(this.#seed);
  }

  /** A stream of its own that depends on the seed and the name alone, not on what was asked before. */
  fork(name: string | number): Random {
    return new Random(hash(`${this.#seed}/${name}`));
  }

  /** From 0 up to, but not including 1. */
  readonly uniform = (): number => uniformFloat64(this.#generator);

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** A whole number, both ends included. */
  whole(low: number, high: number): number {
    return uniformInt(this.#generator, low, high);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const chosen = list[this.whole(0, list.length - 1)];
    if (chosen === undefined) throw new RangeError('list: must not be empty');
    return chosen;
  }

  /** Waiting time between events that do not know of each other. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  normal(mean: number, deviation: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Many small, few large: what durations of work look like. @param spread of the logarithm. */
  logNormal(median: number, spread: number): number {
    return median * Math.exp(this.normal(0, spread));
  }

  /** Lower-case hexadecimal. */
  hex(characters: number): string {
    let text = '';
    while (text.length < characters) text += this.whole(0, 0xffff).toString(16).padStart(4, '0');
    return text.slice(0, characters);
  }
}

/** FNV-1a with a last mix, so that similar names give seeds that have nothing in common. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
