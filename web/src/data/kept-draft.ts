// The job that somebody was writing, kept in their browser until it is submitted, for a tab that was closed or a login that was over.
// Promises: one per user and only for a week; texts of files are not kept, for they may be secrets; what cannot be read is no draft.

import { firstDraft, type Draft } from './draft.ts';

export interface KeptDraft {
  /** ms since the epoch. */
  readonly at: number;
  readonly draft: Draft;
  /** Files of which only the path was known, and which are not there any more. */
  readonly lost: readonly string[];
}

const prefix = 'idlewild-draft:';
const keptMs = 7 * 24 * 3_600_000;

export class KeptDrafts {
  readonly #store: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly #key: string;
  readonly #now: () => number;

  constructor(store: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>, user: string, now: () => number) {
    this.#store = store;
    this.#key = prefix + user;
    this.#now = now;
  }

  read(): KeptDraft | undefined {
    const text = this.#store.getItem(this.#key);
    if (text === null) return undefined;
    try {
      const { at, draft, lost } = JSON.parse(text) as KeptDraft;
      if (this.#now() - at < keptMs) return { at, draft: { ...firstDraft, ...draft }, lost };
    } catch {
      // Not ours; it goes.
    }
    this.forget();
    return undefined;
  }

  keep(draft: Draft): void {
    const files = draft.files.filter(({ from }) => from === 'secret').map((file) => ({ ...file, content: '' }));
    const lost = draft.files.filter(({ from }) => from === 'text').map(({ path }) => path);
    try {
      this.#store.setItem(this.#key, JSON.stringify({ at: this.#now(), draft: { ...draft, files }, lost }));
    } catch {
      // The browser has no room: an old draft would be worse than none.
      this.forget();
    }
  }

  forget(): void {
    this.#store.removeItem(this.#key);
  }
}
