// The rows on disk: every object once, and the last N changes for watchers that come back. One process writes; each
// change is one transaction in WAL mode, so that a killed server loses nothing that it has answered and never half of
// a change. No meaning of Kubernetes lives here.

import { DatabaseSync, type StatementSync } from 'node:sqlite';

export interface ObjectRow {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly body: string;
}

export interface HistoryRow {
  readonly revision: number;
  readonly resource: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly body: string;
  readonly previous: string | null;
}

const schema = `
  CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS history (
    revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, previous TEXT);
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);`;

/** Bytes of unused pages that are nobody's worry. */
const mostWaste = 16 * 1024 * 1024;

export class Database {
  readonly #db: DatabaseSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #record: StatementSync;
  readonly #trim: StatementSync;
  readonly #setMeta: StatementSync;

  /** Opens or creates the file; throws if another process holds it. */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;');
    // A checkpoint waits for the disk: seldom, then, at the price of a log of some tens of MiB.
    this.#db.exec('PRAGMA wal_autocheckpoint=8000;');
    this.#db.exec(schema);
    this.#giveBackSpace();
    this.#upsert = this.#db.prepare(
      'INSERT OR REPLACE INTO objects (resource, namespace, name, body) VALUES (?,?,?,?)',
    );
    this.#delete = this.#db.prepare('DELETE FROM objects WHERE resource=? AND namespace=? AND name=?');
    this.#record = this.#db.prepare(
      'INSERT INTO history (revision, resource, type, body, previous) VALUES (?,?,?,?,?)',
    );
    this.#trim = this.#db.prepare('DELETE FROM history WHERE revision <= ?');
    this.#setMeta = this.#db.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?,?)');
  }

  objects(): ObjectRow[] {
    return this.#db.prepare('SELECT resource, namespace, name, body FROM objects').all() as unknown as ObjectRow[];
  }

  /** Oldest first. */
  history(): HistoryRow[] {
    return this.#db
      .prepare('SELECT revision, resource, type, body, previous FROM history ORDER BY revision')
      .all() as unknown as HistoryRow[];
  }

  /** The revision up to which history was given up, and 0 in a new file. */
  compactedRevision(): number {
    const row = this.#db.prepare("SELECT value FROM meta WHERE name='compacted'").get();
    return row === undefined ? 0 : Number(row['value']);
  }

  write(row: ObjectRow, change: HistoryRow): void {
    this.#transaction(() => {
      if (change.type === 'DELETED') this.#delete.run(row.resource, row.namespace, row.name);
      else this.#upsert.run(row.resource, row.namespace, row.name, row.body);
      this.#record.run(change.revision, change.resource, change.type, change.body, change.previous);
    });
  }

  /** Forgets all changes up to and including the revision. */
  compact(revision: number): void {
    this.#transaction(() => {
      this.#trim.run(revision);
      this.#setMeta.run('compacted', revision);
    });
  }

  close(): void {
    this.#db.close();
  }

  /** Pages that a time of many or large changes left behind: given back when they are most of a large file. */
  #giveBackSpace(): void {
    const pragma = (name: string): number => Number(this.#db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
    const [free, all, size] = [pragma('freelist_count'), pragma('page_count'), pragma('page_size')];
    if (free * size > mostWaste && free * 2 > all) this.#db.exec('VACUUM');
  }

  #transaction(body: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      body();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}
