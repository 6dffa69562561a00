// Building the tiny image from nothing but the distribution's packages.
import { afterAll, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ensureImage } from './cache.ts';

const cacheDir = await mkdtemp(join(tmpdir(), 'idlewild-tiny-'));
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

it('takes less than a minute from an empty cache and holds a kernel, drivers in loading order and busybox', async () => {
  const image = await ensureImage('lab/tiny', { cacheDir, log: { info: () => undefined } });
  const archive = gunzipSync(await readFile(image.initrd ?? '')).toString('latin1');
  expect(archive.slice(0, 6)).toBe('070701');
  const modules = /etc\/tiny\/modules\0+([a-z0-9_\n]+)/.exec(archive)?.[1]?.split('\n') ?? [];
  const places = ['virtio_ring', 'virtio', 'virtio_blk'].map((name) => modules.indexOf(name));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  const wanted = ['init', 'bin/busybox', 'bin/sh', 'sbin/mkfs.ext4', 'etc/inittab', 'lib/modules/virtio_blk.ko'];
  // Booleans, for a failure would print the whole archive.
  expect(wanted.filter((file) => !archive.includes(`${file}\0`))).toEqual([]);
  const kernel = await readFile(image.kernel ?? '');
  expect(kernel.subarray(0x202, 0x206).toString('latin1')).toBe('HdrS');
}, 60_000);
