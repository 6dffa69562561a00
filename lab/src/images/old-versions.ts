// Old versions of an image: every change of a recipe leaves one in the cache, up to a gigabyte each.
// Promise: what was used lately stays, and so does the version used last before this one; a version that somebody begins to use
// while it is being removed is found again or built again, never half there.
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageName } from './guest-image.ts';

export interface ImageVersion {
  /** Name of its folder. */
  readonly folder: string;
  readonly lastUsedMs: number;
}

const hourMs = 3_600_000;
/** Nothing used within this time is removed: a lab of another checkout may be about to start guests from it. */
export const freshMs = 24 * hourMs;
/** Unused for so long, a version is removed even if it is one of the newest. */
export const staleMs = 30 * 24 * hourMs;
const keptVersions = 2;

/** Those of an image's versions that go, given that `current` was just built. Pure. */
export function obsoleteVersions(versions: readonly ImageVersion[], current: string, nowMs: number): string[] {
  const others = versions
    .filter(({ folder }) => folder !== current)
    .sort((a, b) => b.lastUsedMs - a.lastUsedMs || a.folder.localeCompare(b.folder));
  return others
    .filter(({ lastUsedMs }, rank) => {
      const unusedMs = nowMs - lastUsedMs;
      return unusedMs >= staleMs || (rank >= keptVersions - 1 && unusedMs >= freshMs);
    })
    .map(({ folder }) => folder);
}

/** Notes that the version is used now. False when it is not in the cache. */
export async function noteUse(folder: string, nowMs = Date.now()): Promise<boolean> {
  try {
    await utimes(folder, nowMs / 1000, nowMs / 1000);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') return false;
    // A cache that is only lent to us is not ours to clean either.
    if (['EPERM', 'EACCES', 'EROFS'].includes(code)) return true;
    throw error;
  }
}

/** Removes the obsolete versions of an image. The caller holds the image's lock. Answers the folders that are gone. */
export async function removeObsolete(imagesDir: string, name: ImageName, current: string): Promise<string[]> {
  const nowMs = Date.now();
  const pattern = new RegExp(`^${name}-[0-9a-f]{12}$`);
  const versions: ImageVersion[] = [];
  for (const folder of await readdir(imagesDir)) {
    if (pattern.test(folder)) versions.push({ folder, lastUsedMs: (await stat(join(imagesDir, folder))).mtimeMs });
  }
  const removed: string[] = [];
  for (const folder of obsoleteVersions(versions, current, nowMs)) {
    const away = join(imagesDir, `${removingPrefix(name)}${folder}`);
    await rename(join(imagesDir, folder), away);
    // Somebody may have begun to use it since it was looked at; whoever comes now waits for our lock and finds it again.
    if (nowMs - (await stat(away)).mtimeMs < freshMs) await rename(away, join(imagesDir, folder));
    else {
      await rm(away, { recursive: true, force: true });
      removed.push(folder);
    }
  }
  return removed;
}

/** How the folders begin that are being removed. */
export function removingPrefix(name: ImageName): string {
  return `removing-${name}-`;
}
