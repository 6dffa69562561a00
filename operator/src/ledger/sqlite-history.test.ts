// What can be wrong with a file, and what the history does about it.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { ledgerEntry, type LedgerEntry } from './entry.ts';
import { SqliteHistory } from './sqlite-history.ts';

const nobody = 65_534;
let folder: string;
let logged: string;
const open: SqliteHistory[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'history-'));
  logged = '';
});
afterEach(() => {
  for (const history of open.splice(0)) history.close();
  rmSync(folder, { recursive: true });
});

const file = (): string => join(folder, 'h.db');
const history = (o: { file?: string; maxBytes?: number } = {}): SqliteHistory => {
  const log = pino({ level: 'warn' }, new Writable({ write: (line, _encoding, done) => ((logged += line), done()) }));
  const made = new SqliteHistory({ file: file(), keepMs: 1e12, maxBytes: 1e9, log, now: () => noon, ...o });
  open.push(made);
  return made;
};
const line = (seconds: number, message = `at ${seconds}`): LedgerEntry =>
  ledgerEntry(aJob('a').job, { at: at(seconds), reason: 'Waiting', message });

describe('a history file', () => {
  it('is there again after a restart', () => {
    const first = history();
    first.append([line(1)], []);
    first.close();
    const second = history();
    expect(second.append([line(1), line(2)], [])).toBe(1);
    expect(second.query({ limit: 10 }).entries).toEqual([line(2), line(1)]);
  });

  it('survives an operator that is killed: nothing that was appended is lost', () => {
    const killed = history();
    killed.append([line(1)], []);
    const next = history();
    expect(next.query({ limit: 10 }).entries).toEqual([line(1)]);
  });

  it.each(['no database', 'a page that was overwritten'])(
    'that is broken (%s) is moved aside, and a new one begun',
    (how) => {
      if (how === 'no database') writeFileSync(file(), 'not a database at all, only text'.repeat(100));
      else {
        const whole = history();
        whole.append(
          Array.from({ length: 500 }, (_, i) => line(i)),
          [],
        );
        whole.close();
        const bytes = readFileSync(file());
        bytes.fill(0x5a, 4096 * 2, 4096 * 8);
        writeFileSync(file(), bytes);
      }
      const fresh = history();
      expect(fresh.append([line(1)], [])).toBe(1);
      expect(readdirSync(folder).some((name) => name.startsWith('h.db.broken-2026-01-01T12-00-00'))).toBe(true);
      expect(logged).toContain('moved aside');
    },
  );

  it('that breaks while it is used is moved aside too, and the line is kept', () => {
    const used = history();
    used.append(
      Array.from({ length: 500 }, (_, i) => line(i)),
      [],
    );
    // Another hand empties the log and spoils the pages under it.
    const other = new DatabaseSync(file());
    other.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    other.close();
    const bytes = readFileSync(file());
    bytes.fill(0x5a, 4096, bytes.length);
    writeFileSync(file(), bytes);
    expect(used.append([line(1_000)], [])).toBe(1);
    expect(used.query({ limit: 10 }).entries).toEqual([line(1_000)]);
    expect(logged).toContain('moved aside');
  });

  it('in a folder that is not there is refused in words', () => {
    expect(() => history({ file: join(folder, 'missing', 'h.db') })).toThrow(
      /--history .*missing\/h\.db cannot be used: .*open.*folder that the operator may write/,
    );
  });

  it('that is a folder is refused in words', () => {
    mkdirSync(file());
    expect(() => history()).toThrow(/--history .*h\.db cannot be used/);
  });

  it('that is read-only is refused in words, not moved aside', () => {
    const first = history();
    first.append([line(1)], []);
    first.close();
    chmodSync(file(), 0o444);
    chmodSync(folder, 0o555);
    const root = process.geteuid?.() === 0;
    try {
      // What may not be written is no obstacle to root.
      if (root) process.seteuid?.(nobody);
      expect(() => history()).toThrow(/--history .*h\.db cannot be used: .*(readonly|unable to open)/);
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
    expect(readdirSync(folder)).toEqual(['h.db']);
  });

  it('of a later operator is refused, not moved aside', () => {
    const later = new DatabaseSync(file());
    later.exec('PRAGMA user_version = 99');
    later.close();
    expect(() => history()).toThrow(/written by a later operator \(version 99/);
  });

  it('stays below its size by giving up the oldest lines', () => {
    const maxBytes = 1_000_000;
    const full = history({ maxBytes });
    for (let i = 0; i < 12; i++) {
      full.append(
        Array.from({ length: 1_000 }, (_, n) => line(i * 1_000 + n, 'x'.repeat(200))),
        [],
      );
      while (full.prune(noon));
    }
    const { entries } = full.query({ limit: 1_000 });
    expect(entries[0]?.at).toBe(at(11_999));
    expect(entries.length).toBeGreaterThan(500);
    const old = { atMs: noon + 9_000_000, id: 0 };
    expect(full.query({ limit: 1_000, cursor: old }).entries).toEqual([]);
    full.close();
    expect(statSync(file()).size).toBeLessThan(2 * maxBytes);
  });
});
