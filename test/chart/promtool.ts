// promtool, Prometheus' own judge of rules, out of Debian's package. The package is not installed, as that would start a server:
// it is unpacked once into the cache. Promises the path of a program that runs; throws with apt's words.

import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir } from '@idlewild/lab/images/cache.ts';
import { takeLock } from '@idlewild/lab/images/file-lock.ts';
import { unpackPackages } from '@idlewild/lab/images/kernel-package.ts';
import { stringify } from 'yaml';

const run = promisify(execFile);

async function ensurePromtool(): Promise<string> {
  const dir = join(defaultCacheDir(), 'bin');
  const program = join(dir, 'promtool');
  await mkdir(dir, { recursive: true });
  const lock = await takeLock(join(dir, 'promtool.lock'));
  const workDir = await mkdtemp(join(dir, '.promtool-'));
  try {
    if (await isThere(program)) return program;
    const context = { imageDir: workDir, workDir, report: () => undefined };
    const root = await unpackPackages(context, ['prometheus']).catch(async (error: unknown) => {
      if (process.getuid?.() !== 0) throw error;
      // A fresh machine has no package lists yet.
      await run('apt-get', ['-q', 'update']);
      return unpackPackages(context, ['prometheus']);
    });
    await copyFile(join(root, 'usr/bin/promtool'), join(workDir, 'promtool'));
    await rename(join(workDir, 'promtool'), program);
    return program;
  } finally {
    await rm(workDir, { recursive: true, force: true });
    lock.release();
  }
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Runs promtool over files that are made of `files`, by name; the last word of the command is the name of one of them.
 * @returns its exit code and all that it said.
 */
export async function promtool(
  command: readonly string[],
  files: Readonly<Record<string, unknown>>,
): Promise<{ readonly code: number; readonly output: string }> {
  const program = await ensurePromtool();
  const dir = await mkdtemp(join(tmpdir(), 'iw-promtool-'));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), stringify(content));
    const { stdout, stderr } = await run(program, command, { cwd: dir, maxBuffer: 2 ** 26 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, output: `${stdout}${stderr}` };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
