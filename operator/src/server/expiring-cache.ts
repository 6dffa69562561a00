// What is remembered for a short while, and never more of it than fits.
// Promises: bounded in time and number; the longest unused goes first. Times are monotonic ms handed in by the caller.

export class ExpiringCache<V> {
  readonly #lifeMs: number;
  readonly #capacity: number;
  /** In order of last use. */
  readonly #values = new Map<string, { readonly value: V; readonly untilMs: number }>();

  constructor(o: { readonly lifeMs: number; readonly capacity: number }) {
    this.#lifeMs = o.lifeMs;
    this.#capacity = o.capacity;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string, nowMs: number): V | undefined {
    const found = this.#values.get(key);
    if (!found) return undefined;
    this.#values.delete(key);
    if (found.untilMs <= nowMs) return undefined;
    this.#values.set(key, found);
    return found.value;
  }

  set(key: string, value: V, nowMs: number): void {
    this.#values.delete(key);
    this.#values.set(key, { value, untilMs: nowMs + this.#lifeMs });
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#capacity) break;
      this.#values.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}
