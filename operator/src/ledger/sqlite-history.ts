// A history store in a file of SQLite, through Node's own module.
// Promises: opened, it can be written; what cannot be is refused in words. A file that is broken, now or later, is moved aside
// with a warning and a new one begun: history must never keep the operator from its work.

import { renameSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Logger } from 'pino';
import { entryKey, type LedgerEntry } from './entry.ts';
import type { Charge, HistoryPage, HistoryQuery, HistoryStore } from './history.ts';

export interface SqliteHistoryOptions {
  readonly file: string;
  /** What is older goes, ms. */
  readonly keepMs: number;
  /** Above this much the oldest goes. */
  readonly maxBytes: number;
  readonly log: Logger;
  /** Ms since the epoch; names files that are moved aside. */
  readonly now: () => number;
}

const version = 1;
const schema = `
  CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL,
    namespace TEXT NOT NULL, job TEXT NOT NULL, body TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS entries_by_time ON entries (at_ms, id);
  CREATE INDEX IF NOT EXISTS entries_by_namespace ON entries (namespace, at_ms, id);
  CREATE INDEX IF NOT EXISTS entries_by_job ON entries (namespace, job, at_ms, id);
  CREATE INDEX IF NOT EXISTS entries_by_node ON entries (body ->> '$.node', at_ms, id);
  CREATE INDEX IF NOT EXISTS entries_by_target ON entries (body ->> '$.toNode', at_ms, id);
  CREATE TABLE IF NOT EXISTS charges (
    uid TEXT NOT NULL, attempt INTEGER NOT NULL, namespace TEXT NOT NULL, cores INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
    PRIMARY KEY (uid, attempt)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS charges_by_end ON charges (to_ms);
  PRAGMA user_version = ${version};`;

/** Files up to this size are read through when they are opened; others show what is broken when it is met. */
const readThroughBytes = 64 * 1024 * 1024;
/** Lines removed at a time, so that nobody waits long. */
const portion = 500;

interface Open {
  readonly db: DatabaseSync;
  readonly insert: StatementSync;
  readonly charge: StatementSync;
}

export class SqliteHistory implements HistoryStore {
  readonly #o: SqliteHistoryOptions;
  readonly #log: Logger;
  /** By SQL text. */
  readonly #queries = new Map<string, StatementSync>();
  #open: Open;

  /** Throws an Error that says what is wrong with the file. */
  constructor(options: SqliteHistoryOptions) {
    this.#o = options;
    this.#log = options.log.child({ part: 'history' });
    this.#open = this.#opened();
  }

  append(entries: readonly LedgerEntry[], charges: readonly Charge[]): number {
    return this.#guarded(({ db, insert, charge }) => {
      let added = 0;
      db.exec('BEGIN IMMEDIATE');
      try {
        for (const entry of entries) {
          const { namespace, name } = entry.job;
          const row = [entryKey(entry), Date.parse(entry.at), namespace, name, JSON.stringify(entry)];
          added += Number(insert.run(...row).changes);
        }
        for (const { uid, attempt, namespace, cores, memoryMiB, fromMs, toMs } of charges) {
          charge.run(uid, attempt, namespace, cores, memoryMiB, Math.round(fromMs), Math.round(toMs));
        }
        db.exec('COMMIT');
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
      return added;
    });
  }

  query({ namespaces, job, machine, sinceMs, limit, cursor }: HistoryQuery): HistoryPage {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const where = (condition: string, ...more: SQLInputValue[]): void => {
      conditions.push(condition);
      values.push(...more);
    };
    const [only] = namespaces ?? [];
    if (only !== undefined && namespaces?.length === 1) where('namespace = ?', only);
    // One text for any number of them, so that few statements are prepared.
    else if (namespaces !== undefined) {
      where('namespace IN (SELECT value FROM json_each(?))', JSON.stringify(namespaces));
    }
    if (job !== undefined) where('job = ?', job);
    if (machine !== undefined) where("(body ->> '$.node' = ? OR body ->> '$.toNode' = ?)", machine, machine);
    if (sinceMs !== undefined) where('at_ms >= ?', sinceMs);
    if (cursor) where('(at_ms, id) < (?, ?)', cursor.atMs, cursor.id);
    const clause = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const sql = `SELECT id, at_ms, body FROM entries ${clause} ORDER BY at_ms DESC, id DESC LIMIT ?`;
    const rows = this.#guarded(({ db }) => this.#prepared(db, sql).all(...values, limit + 1));
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      entries: page.map(({ body }) => JSON.parse(String(body)) as LedgerEntry),
      ...(last && rows.length > limit ? { next: { atMs: Number(last['at_ms']), id: Number(last['id']) } } : {}),
    };
  }

  prune(nowMs: number): boolean {
    return this.#guarded(({ db }) => {
      const { keepMs, maxBytes } = this.#o;
      const oldest = nowMs - keepMs;
      const byAge = this.#prepared(
        db,
        'DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE at_ms < ? ORDER BY at_ms LIMIT ?)',
      ).run(oldest, portion).changes;
      this.#prepared(db, 'DELETE FROM charges WHERE to_ms < ?').run(oldest);
      let tooMuch = bytesIn(db) > maxBytes;
      if (tooMuch) {
        const { first, last } = this.#prepared(db, 'SELECT min(id) AS first, max(id) AS last FROM entries').get() ?? {};
        const tenth = Math.ceil((Number(last) - Number(first) + 1) / 10);
        const bySize = this.#prepared(
          db,
          'DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY at_ms, id LIMIT ?)',
        ).run(Math.min(portion, tenth)).changes;
        tooMuch = Number(bySize) > 0 && bytesIn(db) > maxBytes;
      }
      db.exec('PRAGMA incremental_vacuum(200)');
      return Number(byAge) === portion || tooMuch;
    });
  }

  charges(sinceMs: number): readonly Charge[] {
    return this.#guarded(({ db }) => {
      const rows = this.#prepared(db, 'SELECT * FROM charges WHERE to_ms >= ? ORDER BY to_ms').all(sinceMs);
      return rows.map((row) => ({
        uid: String(row['uid']),
        attempt: Number(row['attempt']),
        namespace: String(row['namespace']),
        cores: Number(row['cores']),
        memoryMiB: Number(row['memory_mib']),
        fromMs: Number(row['from_ms']),
        toMs: Number(row['to_ms']),
      }));
    });
  }

  close(): void {
    if (this.#open.db.isOpen) this.#open.db.close();
  }

  #prepared(db: DatabaseSync, sql: string): StatementSync {
    const known = this.#queries.get(sql);
    if (known) return known;
    const statement = db.prepare(sql);
    this.#queries.set(sql, statement);
    return statement;
  }

  /** What turns out to be broken while at work is left behind like what is broken at the start. */
  #guarded<T>(act: (open: Open) => T): T {
    try {
      return act(this.#open);
    } catch (error) {
      if (!isBroken(error)) throw error;
      this.close();
      this.#moveAside(error);
      this.#open = this.#opened();
      return act(this.#open);
    }
  }

  #opened(): Open {
    this.#queries.clear();
    const { file } = this.#o;
    try {
      return open(file);
    } catch (error) {
      if (!isBroken(error)) throw inWords(file, error);
      this.#moveAside(error);
    }
    try {
      return open(file);
    } catch (error) {
      throw inWords(file, error);
    }
  }

  #moveAside(error: unknown): void {
    const { file, now } = this.#o;
    const aside = `${file}.broken-${new Date(now()).toISOString().replaceAll(/[:.]/g, '-')}`;
    this.#log.warn({ file, aside, err: error }, 'the history is broken; it is moved aside and a new one begun');
    for (const part of ['', '-wal', '-shm']) {
      try {
        renameSync(file + part, aside + part);
      } catch (failure) {
        // Without the first the new history cannot begin; the others need not be there.
        if (part === '') throw inWords(file, failure);
      }
    }
  }
}

function open(file: string): Open {
  const db = new DatabaseSync(file, { timeout: 200 });
  try {
    db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    const found = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (found > version)
      throw new Error(`it was written by a later operator (version ${found}, this one knows ${version})`);
    if (bytesIn(db) <= readThroughBytes) {
      const verdict = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
      if (verdict !== 'ok') throw new BrokenFile(verdict);
    }
    db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`);
    const insert = db.prepare('INSERT OR IGNORE INTO entries (key, at_ms, namespace, job, body) VALUES (?,?,?,?,?)');
    const charge = db.prepare(
      'INSERT OR REPLACE INTO charges (uid, attempt, namespace, cores, memory_mib, from_ms, to_ms) VALUES (?,?,?,?,?,?,?)',
    );
    return { db, insert, charge };
  } catch (error) {
    db.close();
    throw error;
  }
}

class BrokenFile extends Error {}

/** Pages that hold something, in bytes. */
function bytesIn(db: DatabaseSync): number {
  const row = db
    .prepare(
      'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()',
    )
    .get();
  return Number(row?.['bytes']);
}

/** SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html). */
function isBroken(error: unknown): boolean {
  if (error instanceof BrokenFile) return true;
  const code = typeof error === 'object' && error !== null && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return code === 11 || code === 26;
}

function inWords(file: string, error: unknown): Error {
  const why = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return new Error(
    `--history ${file} cannot be used: ${String(why)}; name a file in a folder that the operator may write, or leave the flag out to remember in memory`,
    { cause: error },
  );
}
