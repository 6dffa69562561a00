// Numbers in the order in which they were last touched.
// Promises: touching costs the same however many there are; asking what was touched since a moment costs no more than the answer.
// A doubly linked list in arrays, newest first; each number is in it at most once.

const none = -1;

export class Recency {
  readonly #touchedAt: number[] = [];
  readonly #newer: number[] = [];
  readonly #older: number[] = [];
  #newest = none;
  #clock = 0;

  /** The moment of the last touch; 0 before the first. */
  get latest(): number {
    return this.#clock;
  }

  /** @param n a whole number from 0; small ones, as it is an index of arrays. */
  touch(n: number): void {
    this.#touchedAt[n] ??= 0;
    if (this.#newest !== n) {
      this.#unlink(n);
      this.#older[n] = this.#newest;
      this.#newer[n] = none;
      if (this.#newest !== none) this.#newer[this.#newest] = n;
      this.#newest = n;
    }
    this.#clock += 1;
    this.#touchedAt[n] = this.#clock;
  }

  /** Those touched after `moment`, newest first. */
  *since(moment: number): Generator<number> {
    for (let n = this.#newest; n !== none; n = this.#older[n] ?? none) {
      if ((this.#touchedAt[n] ?? 0) <= moment) return;
      yield n;
    }
  }

  #unlink(n: number): void {
    const newer = this.#newer[n];
    const older = this.#older[n];
    if (newer === undefined || older === undefined) return;
    if (newer !== none) this.#older[newer] = older;
    if (older !== none) this.#newer[older] = newer;
  }
}
