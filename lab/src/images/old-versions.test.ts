// Which versions of an image go, and that removing them never takes away what somebody uses.
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureImage } from './cache.ts';
import { freshMs, noteUse, obsoleteVersions, removeObsolete, staleMs } from './old-versions.ts';

jest.setTimeout(60_000);
const root = await mkdtemp(join(tmpdir(), 'idlewild-versions-'));
afterAll(() => rm(root, { recursive: true, force: true }));

const [day, now] = [24 * 3_600_000, 1_800_000_000_000];

describe('the versions that go', () => {
  it.each<[string, Record<string, number>, string[]]>([
    ['nothing when there is only the new one', { new: 0 }, []],
    ['not the one used last before it', { new: 0, a: 2 * day }, []],
    ['all but the newest two', { new: 0, a: 2 * day, b: 3 * day, c: 4 * day }, ['b', 'c']],
    ['nothing that was used within a day', { new: 0, a: 1, b: 2, c: freshMs - 1 }, []],
    ['whatever was unused for 30 days', { new: 0, a: staleMs }, ['a']],
    ['never the new one, however old it looks', { new: 90 * day, a: 1 }, []],
  ])('are %s', (_what, unusedMs, gone) => {
    const versions = Object.entries(unusedMs).map(([folder, ms]) => ({ folder, lastUsedMs: now - ms }));
    expect(obsoleteVersions(versions, 'new', now)).toEqual(gone);
  });
});

/** Folders that look like versions, each unused for the days given. */
async function versions(imagesDir: string, unusedDays: Record<string, number>): Promise<void> {
  for (const [folder, days] of Object.entries(unusedDays)) {
    await mkdir(join(imagesDir, folder), { recursive: true });
    await writeFile(join(imagesDir, folder, 'root.qcow2'), '');
    const used = (Date.now() - days * day) / 1000;
    await utimes(join(imagesDir, folder), used, used);
  }
}

const foldersIn = async (imagesDir: string): Promise<string[]> =>
  (await readdir(imagesDir)).filter((name) => !name.includes('.lock')).sort();

describe('building an image', () => {
  it('removes old versions of this image alone, and what a killed remover left', async () => {
    const imagesDir = join(root, 'build/images');
    const old = { 'broken-aaaaaaaaaaaa': 2, 'broken-bbbbbbbbbbbb': 3, 'broken-cccccccccccc': 40 };
    await versions(imagesDir, { ...old, 'tiny-aaaaaaaaaaaa': 50, 'tiny-bbbbbbbbbbbb': 50, 'removing-broken-x': 1 });
    const steps: string[] = [];
    const image = await ensureImage('lab/broken', {
      cacheDir: join(root, 'build'),
      log: { info: () => undefined },
      onProgress: ({ step }) => steps.push(step),
    });
    const current = /images\/(broken-[0-9a-f]{12})\//.exec(image.rootDisk ?? '')?.[1] ?? '';
    expect(await foldersIn(imagesDir)).toEqual(
      ['broken-aaaaaaaaaaaa', current, 'tiny-aaaaaaaaaaaa', 'tiny-bbbbbbbbbbbb'].sort(),
    );
    expect(steps.at(-1)).toMatch(/^removed broken-bbbbbbbbbbbb, broken-cccccccccccc/);
  });

  it('counts the use of an image, so that a version in use is not removed', async () => {
    const cacheDir = join(root, 'use');
    const imagesDir = join(cacheDir, 'images');
    const log = { info: () => undefined };
    const current = (await ensureImage('lab/broken', { cacheDir, log }).then(() => foldersIn(imagesDir)))[0] ?? '';
    const longAgo = (Date.now() - 40 * day) / 1000;
    await utimes(join(imagesDir, current), longAgo, longAgo);
    await ensureImage('lab/broken', { cacheDir, log });
    await versions(imagesDir, { 'broken-aaaaaaaaaaaa': 0, 'broken-bbbbbbbbbbbb': 2 });
    expect(await removeObsolete(imagesDir, 'broken', 'broken-aaaaaaaaaaaa')).toEqual(['broken-bbbbbbbbbbbb']);
    expect(await foldersIn(imagesDir)).toContain(current);
  });

  it('leaves a version that somebody begins to use meanwhile either whole or gone for its user', async () => {
    const imagesDir = join(root, 'race');
    const names = [...'0123456789abcdef'].map((digit) => `broken-${digit.repeat(12)}`);
    await versions(imagesDir, Object.fromEntries(names.map((name) => [name, 40])));
    const [removed, ...used] = await Promise.all([
      removeObsolete(imagesDir, 'broken', 'broken-new'),
      ...names.map((name) => noteUse(join(imagesDir, name))),
    ]);
    const left = await foldersIn(imagesDir);
    names.forEach((name, index) => {
      if (used[index] !== true) return;
      // Whoever noted its use before the folder was looked at for the last time finds it whole.
      expect(left.includes(name) || removed.includes(name)).toBe(true);
      if (left.includes(name)) expect(removed).not.toContain(name);
    });
    expect(left.filter((name) => name.startsWith('removing-'))).toEqual([]);
  });
});
