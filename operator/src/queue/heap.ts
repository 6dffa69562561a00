// A binary heap: the first by an order that is handed in, again and again.
// Promises: push, pop and replacing the first cost O(log n); among equals any may come first, so the order must be total.

export class Heap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #items: T[];

  constructor(before: (a: T, b: T) => boolean, items: Iterable<T> = []) {
    this.#before = before;
    this.#items = [...items];
    for (let index = (this.#items.length >> 1) - 1; index >= 0; index--) this.#down(index);
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#up(this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (this.#items.length > 0 && last !== undefined) {
      this.#items[0] = last;
      this.#down(0);
    }
    return first;
  }

  /** The first has changed, or is to be another one. */
  replaceFirst(item: T): void {
    this.#items[0] = item;
    this.#down(0);
  }

  #up(from: number): void {
    const items = this.#items;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(items[index] as T, items[parent] as T)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(from: number): void {
    const items = this.#items;
    let index = from;
    for (;;) {
      let first = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < items.length && this.#before(items[child] as T, items[first] as T)) first = child;
      }
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b] as T, items[a] as T];
  }
}
