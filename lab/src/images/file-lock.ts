// A lock between processes that the kernel releases when its holder dies, however it dies.
// It is SQLite's own exclusive file lock on an empty database: no stale lock files, no process ids to compare.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';

export interface FileLock {
  /** Gives the lock up; a second call does nothing. */
  release(): void;
}

const sqliteBusy = 5;

/** Takes the lock if nobody holds it, in this process or another; undefined if somebody does. */
export async function tryLock(path: string): Promise<FileLock | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: unknown }).errcode === sqliteBusy) return undefined;
    throw error;
  }
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

/** Waits for the lock; `onWait` is called once if it was not free at once. Throws the signal's reason when aborted. */
export async function takeLock(
  path: string,
  options: { signal?: AbortSignal | undefined; onWait?: () => void } = {},
): Promise<FileLock> {
  for (let attempt = 0; ; attempt += 1) {
    options.signal?.throwIfAborted();
    const lock = await tryLock(path);
    if (lock !== undefined) return lock;
    if (attempt === 0) options.onWait?.();
    await pause(100, options.signal);
  }
}

/** Waits; throws the signal's own reason when aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
