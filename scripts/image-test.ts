// Builds the images as they are released, without a daemon, without anybody's base image and without rights over the machine's
// containers, and starts every program in them. The base is made of this machine's own busybox and the Node that the tests run
// with; so what is proven is every COPY, every RUN and every entry point, and nothing about the base image of a release.
// Promises: writes only below node_modules/.cache/idlewild/images. It needs root and the package buildah.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..');
const work = join(root, 'node_modules/.cache/idlewild/images');
const storage = ['--storage-driver', 'overlay', '--root', join(work, 'storage'), '--runroot', join(work, 'run')];

/** What each image must be able to do, and the words of its answer. ENTRYPOINT stands for the image's own. */
const proofs: Readonly<Record<string, readonly { readonly run: readonly string[]; readonly says: RegExp }[]>> = {
  operator: [{ run: ['ENTRYPOINT', '--help'], says: /--leader-elect/ }],
  portal: [
    { run: ['ENTRYPOINT', '--help'], says: /--session-keys/ },
    { run: ['test', '-f', '/opt/idlewild/web/index.html'], says: /^$/ },
  ],
  agent: [
    { run: ['ENTRYPOINT', '--help'], says: /--switch-after/ },
    { run: ['ENTRYPOINT', 'preflight', '--help'], says: /preflight/ },
    { run: ['/bin/sh', '-n', '/opt/idlewild/host/idlewild-fence'], says: /^$/ },
    { run: ['test', '-x', '/opt/idlewild/host/idlewild-fence'], says: /^$/ },
    // What the chart's init container does with it.
    {
      run: ['/bin/sh', '-euc', 'cd /opt/idlewild/host; for it in cp chmod mv mkdir ln; do command -v $it; done'],
      says: /ln/,
    },
  ],
};

function buildah(args: readonly string[], follow = false): string {
  const [command = '', ...rest] = args;
  const { status, stdout, stderr, error } = spawnSync('buildah', [...storage, command, ...rest], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: work },
    maxBuffer: 64 * 1024 * 1024,
    stdio: follow ? ['ignore', 'inherit', 'inherit'] : 'pipe',
  });
  if (error !== undefined)
    throw new Error(`buildah: ${error.message}. It is a Debian package: apt-get install buildah`);
  if (status !== 0) throw new Error(`buildah ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
  return follow ? '' : stdout.trim();
}

/** The libraries that `program` is linked with, and their loader, under the names by which it asks for them. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, file]) => (file === undefined ? [] : [file]));
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(realpathSync(from), to, { recursive: true });
}

/** A root directory with a shell, its tools and Node; with npm, too, it can build. */
function makeTree(dir: string): void {
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

function makeImage(tree: string, name: string): void {
  const container = buildah(['from', 'scratch']);
  buildah(['copy', '--quiet', container, tree, '/']);
  buildah(['config', '--env', 'PATH=/usr/bin:/bin', container]);
  buildah(['commit', '--quiet', '--rm', container, name]);
}

function run(container: string, image: string, what: readonly string[]): string {
  const { OCIv1 } = JSON.parse(buildah(['inspect', '--type', 'image', image])) as {
    OCIv1: { config: { Entrypoint: string[]; User: string } };
  };
  const [first = '', ...rest] = what;
  const command = first === 'ENTRYPOINT' ? [...OCIv1.config.Entrypoint, ...rest] : [first, ...rest];
  return buildah(['run', '--isolation', 'chroot', container, '--', ...command]);
}

const began = performance.now();
const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
try {
  const tree = join(work, 'tree');
  makeTree(tree);
  makeImage(tree, 'localhost/idlewild-base');
  const npm = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim();
  copy(join(dirname(realpathSync(npm)), '..'), join(tree, 'usr/lib/node_modules/npm'));
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(tree, 'usr/bin/npm'));
  symlinkSync('/bin/env', join(tree, 'usr/bin/env'));
  makeImage(tree, 'localhost/idlewild-build');
  console.log(`base images: ${seconds()}`);
  for (const [target, wanted] of Object.entries(proofs)) {
    const image = `localhost/idlewild-${target}`;
    buildah(
      [
        ...['bud', '--layers', '--isolation', 'chroot', '--format', 'docker', '--pull-never'],
        ...['--build-arg', 'BASE=localhost/idlewild-base', '--build-arg', 'BUILD=localhost/idlewild-build'],
        ...['--volume', `${join(homedir(), '.npm')}:/root/.npm`, '--target', target, '--tag', image, '.'],
      ],
      true,
    );
    const container = buildah(['from', '--pull-never', image]);
    for (const { run: what, says } of wanted) {
      const said = run(container, image, what);
      if (!says.test(said)) throw new Error(`${target}: ${what.join(' ')} said ${JSON.stringify(said)}, not ${says}`);
    }
    const layers = buildah(['mount', container]);
    console.log(
      `${target}: built and started (${sizeMiB(join(layers, 'opt/idlewild'))} MiB of Idlewild): ${seconds()}`,
    );
    buildah(['rm', container]);
  }
} finally {
  spawnSync('buildah', [...storage, 'rm', '--all']);
  spawnSync('buildah', [...storage, 'rmi', '--all', '--force']);
  rmSync(work, { recursive: true, force: true });
}

function sizeMiB(dir: string): number {
  return Math.round(Number(spawnSync('du', ['-sm', dir], { encoding: 'utf8' }).stdout.split('\t')[0]));
}
