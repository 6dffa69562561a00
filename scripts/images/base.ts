// The base images of the test, made of this machine's own programs: busybox, Node, and for the build npm. Nothing is downloaded.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

/** The libraries that `program` is linked with, and their loader, under the names by which it asks for them. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, file]) => (file === undefined ? [] : [file]));
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(realpathSync(from), to, { recursive: true });
}

/** A root directory with a shell, its tools and Node. */
export function makeTree(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  copy('/bin/busybox', join(dir, 'bin/busybox'));
  const { stdout } = spawnSync('/bin/busybox', ['--list'], { encoding: 'utf8' });
  for (const name of stdout.split('\n').filter((line) => line !== '' && line !== 'busybox')) {
    symlinkSync('busybox', join(dir, 'bin', name));
  }
  copy(process.execPath, join(dir, 'usr/bin/node'));
  // Modules that are made for glibc ask for more than Node itself does.
  const libraries = librariesOf(process.execPath);
  const libc = libraries.find((file) => file.endsWith('/libc.so.6'));
  const rest = libc === undefined ? [] : ['librt.so.1', 'libresolv.so.2'].map((name) => join(dirname(libc), name));
  for (const file of [...libraries, ...rest]) copy(file, join(dir, file));
  mkdirSync(join(dir, 'tmp'), { mode: 0o1777 });
  mkdirSync(join(dir, 'etc'));
  writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  mkdirSync(join(dir, 'root'));
}

/** Adds npm, with which such a tree can build. */
export function addNpm(dir: string): void {
  const npm = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim();
  copy(join(dirname(realpathSync(npm)), '..'), join(dir, 'usr/lib/node_modules/npm'));
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(dir, 'usr/bin/npm'));
  symlinkSync('/bin/env', join(dir, 'usr/bin/env'));
}
