// The timers of a virtual clock, earliest first.
// Promises: equal times come out in the order in which they were set; a cancelled timer is never handed out, and what is
// kept of it is thrown away once half of the heap is such leftovers.

import type { Timer } from '@idlewild/operator/kube/clock.ts';

export class HeapTimer implements Timer {
  /** Undefined once it fired or was cancelled. */
  fn: (() => void) | undefined;
  readonly at: number;
  readonly order: number;
  readonly #heap: TimerHeap;

  constructor(heap: TimerHeap, at: number, order: number, fn: () => void) {
    this.#heap = heap;
    this.at = at;
    this.order = order;
    this.fn = fn;
  }

  cancel(): void {
    if (this.fn === undefined) return;
    this.fn = undefined;
    this.#heap.cancelled();
  }
}

export class TimerHeap {
  #timers: HeapTimer[] = [];
  #order = 0;
  #cancelled = 0;

  /** Timers that will fire. */
  get size(): number {
    return this.#timers.length - this.#cancelled;
  }

  add(at: number, fn: () => void): HeapTimer {
    const timer = new HeapTimer(this, at, this.#order++, fn);
    this.#timers.push(timer);
    this.#up(this.#timers.length - 1);
    return timer;
  }

  /** The next to fire, left where it is. */
  peek(): HeapTimer | undefined {
    for (;;) {
      const first = this.#timers[0];
      if (first === undefined || first.fn !== undefined) return first;
      this.#removeFirst();
      this.#cancelled--;
    }
  }

  /** Takes the next to fire out, with what it is to do. */
  take(): (() => void) | undefined {
    const first = this.peek();
    const fn = first?.fn;
    if (first === undefined || fn === undefined) return undefined;
    first.fn = undefined;
    this.#removeFirst();
    return fn;
  }

  cancelled(): void {
    this.#cancelled++;
    if (this.#cancelled < 64 || this.#cancelled * 2 < this.#timers.length) return;
    this.#timers = this.#timers.filter(({ fn }) => fn !== undefined);
    this.#cancelled = 0;
    for (let i = (this.#timers.length >> 1) - 1; i >= 0; i--) this.#down(i);
  }

  #removeFirst(): void {
    const last = this.#timers.pop();
    if (last === undefined || this.#timers.length === 0) return;
    this.#timers[0] = last;
    this.#down(0);
  }

  #up(start: number): void {
    const timers = this.#timers;
    const timer = timers[start] as HeapTimer;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = timers[parent] as HeapTimer;
      if (!isBefore(timer, above)) break;
      timers[i] = above;
      i = parent;
    }
    timers[i] = timer;
  }

  #down(start: number): void {
    const timers = this.#timers;
    const timer = timers[start] as HeapTimer;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= timers.length) break;
      const right = timers[child + 1];
      if (right !== undefined && isBefore(right, timers[child] as HeapTimer)) child++;
      const below = timers[child] as HeapTimer;
      if (!isBefore(below, timer)) break;
      timers[i] = below;
      i = child;
    }
    timers[i] = timer;
  }
}

function isBefore(a: HeapTimer, b: HeapTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
