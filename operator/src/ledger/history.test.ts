// What every history store promises.
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { ledgerEntry, type LedgerEntry, type LedgerNote } from './entry.ts';
import type { Charge, HistoryCursor, HistoryStore } from './history.ts';
import { MemoryHistory } from './memory-history.ts';
import { SqliteHistory } from './sqlite-history.ts';

const log = pino({ level: 'silent' });
const day = 24 * 3600_000;
const folders: string[] = [];
const stores: HistoryStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const kinds: Record<string, (o: { keepMs: number }) => HistoryStore> = {
  'in memory': ({ keepMs }) => new MemoryHistory({ keepMs }),
  'in a file': ({ keepMs }) => {
    const folder = mkdtempSync(join(tmpdir(), 'history-'));
    folders.push(folder);
    return new SqliteHistory({ file: join(folder, 'h.db'), keepMs, maxBytes: 1e9, log, now: () => noon });
  },
};

const said = (name: string, seconds: number, note: Partial<LedgerNote> = {}, namespace = 'default'): LedgerEntry => {
  const { job } = aJob(name);
  const there = { ...job, metadata: { ...job.metadata, namespace, uid: `uid-${namespace}-${name}` } };
  return ledgerEntry(there, { at: at(seconds), reason: 'Waiting', message: `at ${seconds}`, ...note });
};
const messages = (entries: readonly LedgerEntry[]): string[] => entries.map(({ message }) => message);

describe.each(Object.entries(kinds))('a history %s', (_name, make) => {
  const store = (keepMs = 90 * day): HistoryStore => {
    const made = make({ keepMs });
    stores.push(made);
    return made;
  };

  it('answers with the newest first, whole as it was told', () => {
    const history = store();
    const claim = said('a', 2, { reason: 'Claimed', attempt: 1, machines: ['pc-1', 'pc-2'], cause: 'FirstReady' });
    expect(history.append([said('a', 1), claim, said('a', 0)], [])).toBe(3);
    const { entries, next } = history.query({ limit: 10 });
    expect(messages(entries)).toEqual(['at 2', 'at 1', 'at 0']);
    expect(entries[0]).toEqual(claim);
    expect(next).toBeUndefined();
  });

  it('answers for a namespace, a job, and from a time on', () => {
    const history = store();
    history.append([said('a', 1), said('b', 2), said('a', 3, {}, 'other'), said('a', 4)], []);
    expect(messages(history.query({ namespaces: ['default'], limit: 10 }).entries)).toEqual(['at 4', 'at 2', 'at 1']);
    expect(messages(history.query({ namespaces: ['default'], job: 'a', limit: 10 }).entries)).toEqual(['at 4', 'at 1']);
    expect(messages(history.query({ sinceMs: noon + 3_000, limit: 10 }).entries)).toEqual(['at 4', 'at 3']);
    expect(history.query({ namespaces: ['nowhere'], limit: 10 }).entries).toEqual([]);
  });

  it('answers for a machine, as where something happened or where a guest went, and for several namespaces', () => {
    const history = store();
    const moved = said('a', 3, { reason: 'Migrated', attempt: 1, migration: 'm', node: 'pc-1', toNode: 'pc-2' });
    history.append(
      [said('a', 1, { node: 'pc-1' }), said('b', 2, { node: 'pc-2' }, 'other'), moved, said('c', 4, {}, 'third')],
      [],
    );
    const of = (query: object): string[] => messages(history.query({ limit: 10, ...query }).entries);
    expect(of({ machine: 'pc-1' })).toEqual(['at 3', 'at 1']);
    expect(of({ machine: 'pc-2' })).toEqual(['at 3', 'at 2']);
    expect(of({ machine: 'pc-2', namespaces: ['other', 'third'] })).toEqual(['at 2']);
    expect(of({ machine: 'pc' })).toEqual([]);
    expect(of({ namespaces: ['default', 'third'] })).toEqual(['at 4', 'at 3', 'at 1']);
    expect(of({ namespaces: [] })).toEqual([]);
    const first = history.query({ machine: 'pc-1', limit: 1 });
    expect(messages(history.query({ machine: 'pc-1', limit: 1, cursor: first.next }).entries)).toEqual(['at 1']);
  });

  it('gives pages that follow each other without a gap or a repeat, while more is written', () => {
    const history = store();
    // Several lines share a moment, so that a page can end between them.
    history.append(
      Array.from({ length: 50 }, (_, i) => said(`job-${i}`, i >> 2, { message: `line ${i}` })),
      [],
    );
    const seen: string[] = [];
    let cursor: HistoryCursor | undefined;
    do {
      const page = history.query({ limit: 7, cursor });
      seen.push(...messages(page.entries));
      cursor = page.next;
      history.append([said('late', 1_000 + seen.length)], []);
    } while (cursor);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => `line ${49 - i}`));
  });

  it('takes the same decision once, however often it is told', () => {
    const history = store();
    const again = [
      [said('a', 1, { reason: 'Published' }), said('a', 2, { reason: 'Published' })],
      [said('a', 1, { reason: 'Claimed', attempt: 1 }), said('a', 5, { reason: 'Claimed', attempt: 1 })],
      [said('a', 1), { ...said('a', 1), at: '2026-01-01T12:00:01.000000Z' }],
      [
        said('a', 1, { reason: 'Migrated', attempt: 1, migration: 'a-1-m1' }),
        said('a', 9, { reason: 'Migrated', attempt: 1, migration: 'a-1-m1' }),
      ],
    ];
    for (const [first, second] of again) {
      if (!first || !second) throw new Error('a row of the table is short');
      expect(history.append([first], [])).toBe(1);
      expect(history.append([second], [])).toBe(0);
    }
    const other = [
      said('a', 2, { reason: 'Claimed', attempt: 2 }),
      said('a', 2),
      said('a', 1, { reason: 'Migrated', attempt: 1, migration: 'a-1-m2' }),
      said('a', 1, { reason: 'Published' }, 'other'),
    ];
    expect(history.append(other, [])).toBe(4);
  });

  it('forgets what is older than its days', () => {
    const history = store(day);
    const old: Charge = {
      ...{ uid: 'u', attempt: 1, namespace: 'default', cores: 1, memoryMiB: 128 },
      ...{ fromMs: noon, toMs: noon + 1_000 },
    };
    history.append([said('a', 0), said('a', 3600)], [old, { ...old, attempt: 2, toMs: noon + 3600_000 }]);
    while (history.prune(noon + day + 60_000));
    expect(messages(history.query({ limit: 10 }).entries)).toEqual(['at 3600']);
    expect(history.charges(0).map(({ attempt }) => attempt)).toEqual([2]);
  });

  it('keeps the latest word on what an attempt was charged', () => {
    const history = store();
    const charge: Charge = {
      ...{ uid: 'u', attempt: 1, namespace: 'default', cores: 2, memoryMiB: 128 },
      ...{ fromMs: noon, toMs: noon + 10_000 },
    };
    history.append([], [charge]);
    history.append([], [{ ...charge, toMs: noon + 8_000 }]);
    expect(history.charges(noon)).toEqual([{ ...charge, toMs: noon + 8_000 }]);
    expect(history.charges(noon + 9_000)).toEqual([]);
  });
});

describe('a history in memory', () => {
  it('keeps the newest lines when there are too many', () => {
    const history = new MemoryHistory({ capacity: 10 });
    history.append(
      Array.from({ length: 25 }, (_, i) => said('a', i)),
      [],
    );
    expect(messages(history.query({ limit: 100 }).entries)).toEqual(
      Array.from({ length: 10 }, (_, i) => `at ${24 - i}`),
    );
  });
});
