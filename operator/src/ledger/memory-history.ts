// A history store that is memory and nothing else: for simulations, and where no file is given.
// Promises: bounded; the oldest line makes room for the newest.

import { entryKey, type LedgerEntry } from './entry.ts';
import type { Charge, HistoryCursor, HistoryPage, HistoryQuery, HistoryStore } from './history.ts';

interface Line {
  readonly id: number;
  readonly atMs: number;
  readonly entry: LedgerEntry;
}

export interface MemoryHistoryOptions {
  /** Lines that are kept at most, and as many charges. */
  readonly capacity?: number | undefined;
  readonly keepMs?: number | undefined;
}

export class MemoryHistory implements HistoryStore {
  readonly #capacity: number;
  readonly #keepMs: number;
  /** By key, in order of arrival. */
  readonly #lines = new Map<string, Line>();
  readonly #charges = new Map<string, Charge>();
  #nextId = 1;

  constructor({ capacity = 20_000, keepMs = Number.POSITIVE_INFINITY }: MemoryHistoryOptions = {}) {
    this.#capacity = capacity;
    this.#keepMs = keepMs;
  }

  append(entries: readonly LedgerEntry[], charges: readonly Charge[]): number {
    let added = 0;
    for (const entry of entries) {
      const key = entryKey(entry);
      if (this.#lines.has(key)) continue;
      this.#lines.set(key, { id: this.#nextId++, atMs: Date.parse(entry.at), entry });
      added++;
    }
    for (const charge of charges) this.#charges.set(`${charge.uid}/${charge.attempt}`, charge);
    shrink(this.#lines, this.#capacity);
    shrink(this.#charges, this.#capacity);
    return added;
  }

  query({ namespaces, job, machine, sinceMs = -Infinity, limit, cursor }: HistoryQuery): HistoryPage {
    const found: Line[] = [];
    for (const line of this.#lines.values()) {
      const { entry, atMs } = line;
      if (namespaces !== undefined && !namespaces.includes(entry.job.namespace)) continue;
      if (job !== undefined && entry.job.name !== job) continue;
      if (machine !== undefined && entry.node !== machine && entry.toNode !== machine) continue;
      if (atMs < sinceMs || (cursor && !isBehind(line, cursor))) continue;
      found.push(line);
    }
    found.sort((a, b) => b.atMs - a.atMs || b.id - a.id);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      entries: page.map(({ entry }) => entry),
      ...(last && found.length > limit ? { next: { atMs: last.atMs, id: last.id } } : {}),
    };
  }

  prune(nowMs: number): boolean {
    const oldest = nowMs - this.#keepMs;
    for (const [key, { atMs }] of this.#lines) if (atMs < oldest) this.#lines.delete(key);
    for (const [key, { toMs }] of this.#charges) if (toMs < oldest) this.#charges.delete(key);
    return false;
  }

  charges(sinceMs: number): readonly Charge[] {
    return [...this.#charges.values()].filter(({ toMs }) => toMs >= sinceMs);
  }

  close(): void {
    this.#lines.clear();
    this.#charges.clear();
  }
}

function isBehind(line: Line, { atMs, id }: HistoryCursor): boolean {
  return line.atMs < atMs || (line.atMs === atMs && line.id < id);
}

function shrink(map: Map<string, unknown>, capacity: number): void {
  for (const key of map.keys()) {
    if (map.size <= capacity) return;
    map.delete(key);
  }
}
