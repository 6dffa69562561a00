// An immutable map by name over an array of slots, so that the next version costs one copy of the array.
// Promises: reads like a Map; names may be given to further slots by later versions without any effect on this one.

export class SlotMap<V> implements ReadonlyMap<string, V> {
  readonly #slots: ReadonlyMap<string, number>;
  readonly #values: readonly (V | undefined)[];
  readonly size: number;

  /**
   * @param slots by name; may grow later, but a name never gets another slot.
   * @param values by slot, never changed after this; undefined for none.
   */
  constructor(slots: ReadonlyMap<string, number>, values: readonly (V | undefined)[]) {
    this.#slots = slots;
    this.#values = values;
    let size = 0;
    for (const value of values) if (value !== undefined) size += 1;
    this.size = size;
  }

  get(name: string): V | undefined {
    const slot = this.#slots.get(name);
    return slot === undefined ? undefined : this.#values[slot];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  forEach(callback: (value: V, name: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }

  *entries(): MapIterator<[string, V]> {
    for (const [name, slot] of this.#slots) {
      const value = this.#values[slot];
      if (value !== undefined) yield [name, value];
    }
  }

  *keys(): MapIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
}
