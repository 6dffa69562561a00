// What matching has on its way to the API server: a few writes at a time, one per job, claims before words.
// Promises: a job is never written twice at a time; a claim takes the place of words that have not been sent yet; an act
// that fails tells `onError` and nobody else; `idle` is the end of everything under way.

export type WriteKind = 'claim' | 'words';

interface Order {
  readonly kind: WriteKind;
  readonly act: () => Promise<void>;
}

export interface WriteGateOptions {
  /** Writes under way at the same time. */
  readonly inFlight: number;
  readonly onError: (key: string, kind: WriteKind, error: unknown) => void;
  /** Told after each write, whatever came of it. */
  readonly onDone: (key: string) => void;
}

export class WriteGate {
  readonly #o: WriteGateOptions;
  /** In order of arrival. */
  readonly #claims = new Map<string, Order>();
  readonly #words = new Map<string, Order>();
  readonly #active = new Map<string, Promise<void>>();

  constructor(options: WriteGateOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#claims.size + this.#words.size + this.#active.size;
  }

  /** True while something of the job is on its way or waits for it. */
  has(key: string): boolean {
    return this.#active.has(key) || this.#claims.has(key) || this.#words.has(key);
  }

  put(key: string, kind: WriteKind, act: () => Promise<void>): void {
    if (kind === 'claim') {
      this.#words.delete(key);
      this.#claims.set(key, { kind, act });
    } else if (!this.#claims.has(key)) {
      this.#words.set(key, { kind, act });
    }
    this.#start();
  }

  /** Nothing new is sent; what is under way comes to its end. */
  async close(): Promise<void> {
    this.#claims.clear();
    this.#words.clear();
    await Promise.all(this.#active.values());
  }

  #start(): void {
    for (const queue of [this.#claims, this.#words]) {
      for (const [key, order] of queue) {
        if (this.#active.size >= this.#o.inFlight) return;
        if (this.#active.has(key)) continue;
        queue.delete(key);
        this.#active.set(key, this.#run(key, order));
      }
    }
  }

  async #run(key: string, { kind, act }: Order): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#o.onError(key, kind, error);
    }
    this.#active.delete(key);
    this.#o.onDone(key);
    this.#start();
  }
}
