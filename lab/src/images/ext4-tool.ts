// mkfs.ext4 with the libraries it needs, for a guest that has no distribution.
// Busybox's own mke2fs writes every inode table in full: 5 s and 330 MB for a 20 GiB disk, where this takes a fraction.
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { ImageError } from './guest-image.ts';
import type { BuildContext } from './recipe.ts';

/** The libraries by where the loader looks for them. */
const libraries = ['libc.so.6', 'libext2fs.so.2', 'libcom_err.so.2', 'libblkid.so.1', 'libuuid.so.1', 'libe2p.so.2'];
const libraryFolder = 'lib/x86_64-linux-gnu';
const loader = 'ld-linux-x86-64.so.2';

/** Packages that hold the tool and its libraries; the names of libraries change from release to release. */
export async function ext4ToolPackages(context: BuildContext): Promise<string[]> {
  const answer = await run('apt-cache', ['depends', 'e2fsprogs'], { signal: context.signal });
  return ['e2fsprogs', ...libraryDependencies(answer)];
}

/** The libraries among what apt-cache depends prints, each once. */
export function libraryDependencies(answer: string): string[] {
  return [...new Set([...answer.matchAll(/^\s*(?:Pre)?Depends: (lib\S+)$/gm)].map(([, name]) => name ?? ''))];
}

export async function installExt4Tool(unpacked: string, root: string): Promise<void> {
  await install(unpacked, ['sbin/mke2fs', 'usr/sbin/mke2fs'], join(root, 'sbin/mkfs.ext4'));
  await install(unpacked, ['etc/mke2fs.conf'], join(root, 'etc/mke2fs.conf'));
  await install(unpacked, inLibraryFolders(loader), join(root, 'lib64', loader));
  for (const library of libraries)
    await install(unpacked, inLibraryFolders(library), join(root, libraryFolder, library));
}

function inLibraryFolders(file: string): string[] {
  return [join(libraryFolder, file), join('usr', libraryFolder, file)];
}

async function install(unpacked: string, places: readonly string[], target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  for (const place of places) {
    try {
      await copyFile(join(unpacked, place), target);
      await chmod(target, 0o755);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new ImageError('build', `no ${places.join(' or ')} in the packages`);
}
