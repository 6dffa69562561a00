// Fetches packages of the distribution without installing them, and finds the kernel in one.
// Works for any user: apt-get download writes only into the folder it is given.
import { readFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from './command.ts';
import { ImageError } from './guest-image.ts';
import { moduleDependencies, moduleName } from './module-order.ts';
import type { BuildContext } from './recipe.ts';

export interface UnpackedKernel {
  readonly vmlinuz: string;
  /** Path of every module file, by module name. */
  readonly modules: ReadonlyMap<string, string>;
}

// As root apt would drop to its own user, which cannot write into the caller's folder, and warn about it.
const aptOptions = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=2', '-q'];

/** Downloads the packages and unpacks them into one folder below the work folder; answers that folder. */
export async function unpackPackages(context: BuildContext, packages: readonly string[]): Promise<string> {
  const downloads = join(context.workDir, 'downloads');
  const root = join(context.workDir, 'unpacked');
  await mkdir(downloads, { recursive: true });
  await mkdir(root, { recursive: true });
  context.report(`downloading ${packages.join(', ')}`);
  await run('apt-get', [...aptOptions, 'download', ...packages], { cwd: downloads, signal: context.signal });
  context.report(`unpacking ${packages.join(', ')}`);
  for (const file of await readdir(downloads)) {
    await run('dpkg-deb', ['-x', join(downloads, file), root], { signal: context.signal });
  }
  return root;
}

/** The package that the newest kernel of a flavour really is: the meta package only depends on it. */
export async function kernelPackageOf(metaPackage: string, context: BuildContext): Promise<string> {
  const ask = (): Promise<string> => run('apt-cache', ['depends', metaPackage], { signal: context.signal });
  let answer = await ask().catch(() => '');
  if (kernelDependency(answer) === undefined && process.getuid?.() === 0) {
    // A fresh machine has no package lists yet.
    context.report('refreshing the package lists');
    await run('apt-get', ['-q', 'update'], { signal: context.signal });
    answer = await ask();
  }
  const found = kernelDependency(answer);
  if (found !== undefined) return found;
  throw new ImageError('build', `no package lists for ${metaPackage}; run: apt-get update`);
}

/** The first `Depends: linux-image-*` of what apt-cache depends prints. */
export function kernelDependency(answer: string): string | undefined {
  return /^\s*Depends: (linux-image-\S+)$/m.exec(answer)?.[1];
}

/** Finds the kernel and its modules in an unpacked package. */
export async function findKernel(root: string): Promise<UnpackedKernel> {
  const image = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new ImageError('build', `no kernel below ${root}/boot`);
  const release = image.slice('vmlinuz-'.length);
  const folder = join(root, 'lib/modules', release, 'kernel');
  const files = await readdir(folder, { recursive: true });
  const modules = files
    .filter((file) => file.endsWith('.ko'))
    .map((file) => [moduleName(basename(file, '.ko')), join(folder, file)] as const);
  return { vmlinuz: join(root, 'boot', image), modules: new Map(modules) };
}

/** What a module of this kernel depends on; undefined for a name that is built in or unknown. */
export function dependenciesIn(kernel: UnpackedKernel): (name: string) => string[] | undefined {
  return (name) => {
    const path = kernel.modules.get(name);
    return path === undefined ? undefined : moduleDependencies(readFileSync(path));
  };
}
