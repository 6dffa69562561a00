// The image cache under everything that can happen to a builder. The broken image is a real image that is quick to build.
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheDir, ensureImage, isCached } from './cache.ts';
import { takeLock } from './file-lock.ts';

// Nothing here takes long on an idle host; a busy one is no failure.
jest.setTimeout(60_000);

const root = await mkdtemp(join(tmpdir(), 'idlewild-cache-'));
afterAll(() => rm(root, { recursive: true, force: true }));
const log = { info: () => undefined };

describe('the image cache', () => {
  it('builds an image once for many callers at once', async () => {
    const cacheDir = join(root, 'many');
    const steps: string[] = [];
    const options = { cacheDir, log, onProgress: ({ step }: { step: string }) => steps.push(step) };
    expect(await isCached('broken', cacheDir)).toBe(false);
    const images = await Promise.all([1, 2, 3, 4].map(() => ensureImage('lab/broken', options)));
    expect(steps.filter((step) => step === 'built')).toHaveLength(1);
    expect(new Set(images.map(({ digest }) => digest)).size).toBe(1);
    expect(images[0]?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await stat(images[0]?.rootDisk ?? '')).isFile()).toBe(true);
    expect(await isCached('broken', cacheDir)).toBe(true);
  });

  it('ignores and removes what a killed builder left', async () => {
    const cacheDir = join(root, 'killed');
    const left = join(cacheDir, 'images', 'building-broken-abc123', 'image');
    await mkdir(left, { recursive: true });
    await writeFile(join(left, 'image.json'), '{}');
    await ensureImage('lab/broken', { cacheDir, log });
    expect((await readdir(join(cacheDir, 'images'))).filter((name) => name.startsWith('building-'))).toEqual([]);
  });

  it('waits for another builder, says so, and stops waiting when told', async () => {
    const cacheDir = join(root, 'waiting');
    const lock = await takeLock(join(cacheDir, 'images', 'broken.lock'));
    const stop = new AbortController();
    const onProgress = ({ step }: { step: string }): void => {
      expect(step).toBe('waiting for another process that builds it');
      stop.abort(new Error('enough'));
    };
    await expect(ensureImage('lab/broken', { cacheDir, log, onProgress, signal: stop.signal })).rejects.toThrow(
      'enough',
    );
    lock.release();
    expect((await ensureImage('lab/broken', { cacheDir, log })).name).toBe('broken');
  });

  it('refuses a reference that is no image of the lab', async () => {
    await expect(ensureImage('quay.io/fedora', { cacheDir: root, log })).rejects.toMatchObject({
      kind: 'unknown',
      message: 'quay.io/fedora is not an image of the lab, which has lab/tiny, lab/debian, lab/desktop, lab/broken',
    });
  });

  it.each([
    [{ IDLEWILD_CACHE: '/c', XDG_CACHE_HOME: '/x' }, '/c'],
    [{ XDG_CACHE_HOME: '/x' }, '/x/idlewild'],
    [{ IDLEWILD_CACHE: '', XDG_CACHE_HOME: '/x' }, '/x/idlewild'],
  ])('is, with %j, in %s', (env, dir) => {
    expect(defaultCacheDir(env)).toBe(dir);
  });
});
