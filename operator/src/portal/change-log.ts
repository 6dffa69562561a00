// What has changed lately in a list of rows, so that a page that was away for a moment is told only that.
// Promises: positions are the cluster's resource versions, so that a page may go on at another replica; a page whose position cannot
// be vouched for is told so (undefined) and gets everything. Bounded. Must not know who may see what.

export interface RowChange<R> {
  readonly key: string;
  readonly namespace: string;
  /** Absent: the row is gone. */
  readonly row?: R;
}

interface Entry<R> extends RowChange<R> {
  readonly version: bigint;
}

const mostEntries = 10_000;

export class ChangeLog<R> {
  readonly #entries: Entry<R>[] = [];
  readonly #capacity: number;
  #newest = 0n;
  /** Positions from here on are known. */
  #base: bigint | undefined;

  constructor(capacity = mostEntries) {
    this.#capacity = capacity;
  }

  /** Where somebody stands who has heard everything. */
  get position(): string {
    return String(this.#newest);
  }

  /** From now on changes are complete. */
  begin(): void {
    this.#base = this.#newest;
  }

  /** @param resourceVersion of the object at its change. */
  add(change: RowChange<R>, resourceVersion: string | undefined): void {
    const version = versionOf(resourceVersion);
    if (version === undefined || version < this.#newest) {
      // Found by a later look and not in its turn: who is away now cannot be told from a position.
      this.#entries.length = 0;
      this.#base = this.#base === undefined ? undefined : this.#newest + 1n;
      if (version === undefined) return;
    }
    if (version > this.#newest) this.#newest = version;
    if (this.#base === undefined) return;
    this.#entries.push({ ...change, version });
    if (this.#entries.length > this.#capacity) {
      const dropped = this.#entries.splice(0, Math.ceil(this.#capacity / 4));
      this.#base = dropped.at(-1)!.version;
    }
  }

  /** The changes after a position, the latest of each row; undefined when they are not all known. */
  since(position: string): RowChange<R>[] | undefined {
    const from = versionOf(position);
    if (from === undefined || this.#base === undefined || from < this.#base || from > this.#newest) return undefined;
    const latest = new Map<string, RowChange<R>>();
    for (const entry of this.#entries) if (entry.version > from) latest.set(entry.key, entry);
    return [...latest.values()];
  }
}

function versionOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}
