// How many consoles may be read at one time.
// Promises: never more than the limit; a stream that is needed now takes the place of one that is only convenient; whoever waits
// for a turn gets it in the order of asking.

export interface Slot {
  /** From now on another stream may take the place. */
  relax(): void;
  release(): void;
}

/** Places for streams that stay open. */
export class StreamSlots {
  readonly #limit: number;
  readonly #urgent = new Set<object>();
  /** Oldest first; each with what closes its stream. */
  readonly #relaxed = new Map<object, () => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#urgent.size + this.#relaxed.size;
  }

  /** @param giveUp closes the stream; called when a more urgent one takes the place, which is then no longer held. */
  take(o: { readonly urgent: boolean; readonly giveUp: () => void }): Slot | undefined {
    if (this.taken >= this.#limit && !(o.urgent && this.#evict())) return undefined;
    const holder = {};
    if (o.urgent) this.#urgent.add(holder);
    else this.#relaxed.set(holder, o.giveUp);
    return {
      relax: () => {
        if (this.#urgent.delete(holder)) this.#relaxed.set(holder, o.giveUp);
      },
      release: () => {
        this.#urgent.delete(holder);
        this.#relaxed.delete(holder);
      },
    };
  }

  #evict(): boolean {
    const oldest = this.#relaxed.entries().next();
    if (oldest.done) return false;
    const [holder, giveUp] = oldest.value;
    this.#relaxed.delete(holder);
    giveUp();
    return true;
  }
}

/** Turns for reads that soon end. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
