// Files of a guest on its machine: disks and seed.
// Promise: a guest always begins with fresh disks; nothing of an earlier guest in the same folder is seen.
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { run } from '../../images/command.ts';
import type { GuestDisk, GuestPaths, GuestSeed, GuestSpec } from './guest-spec.ts';

/** Size of a root disk whose image has none, when the spec does not say, in MiB. */
const blankRootMiB = 64;

export async function prepareStorage(spec: GuestSpec, paths: GuestPaths, signal?: AbortSignal): Promise<void> {
  await mkdir(paths.dir, { recursive: true });
  await Promise.all([rm(paths.serialLog, { force: true }), rm(paths.seedDir, { recursive: true, force: true })]);
  for (const disk of spec.disks) {
    await rm(paths.disk(disk.name), { force: true });
    await run('qemu-img', createArgs(spec, disk, paths.disk(disk.name)), { signal });
  }
  if (spec.seed !== undefined) await writeSeed(spec.seed, paths.seedDir);
}

function createArgs(spec: GuestSpec, disk: GuestDisk, file: string): string[] {
  const base = disk.kind === 'root' ? spec.image.rootDisk : undefined;
  const backing = base === undefined ? [] : ['-b', base, '-F', 'qcow2'];
  const size = disk.sizeMiB ?? (base === undefined ? blankRootMiB : undefined);
  return ['create', '-q', '-f', 'qcow2', ...backing, file, ...(size === undefined ? [] : [`${size}M`])];
}

async function writeSeed(seed: GuestSeed, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = { 'user-data': seed.userData, 'meta-data': seed.metaData, 'network-config': seed.networkData };
  for (const [name, text] of Object.entries(files)) {
    if (text === undefined) continue;
    await writeFile(`${dir}/${name}`, text, { mode: 0o600 });
    // QEMU makes a file system out of the folder. Equal times make it equal on both ends of a migration.
    await utimes(`${dir}/${name}`, 0, 0);
  }
}
