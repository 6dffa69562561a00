// `lab/tiny`: busybox on the distribution's cloud kernel, all of it in the initial RAM disk. Boots in about 3 s without KVM.
// It runs a NoCloud user-data script and keeps a root shell on the serial line. There is nothing else in it.
import { chmod, copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { run } from './command.ts';
import { ImageError } from './guest-image.ts';
import { dependenciesIn, findKernel, kernelPackageOf, unpackPackages } from './kernel-package.ts';
import type { UnpackedKernel } from './kernel-package.ts';
import { moduleOrder } from './module-order.ts';
import { guestPackages } from './packages.ts';
import { ext4ToolPackages, installExt4Tool } from './ext4-tool.ts';
import type { BuildContext, BuiltImage, Recipe } from './recipe.ts';

// Disks, network, entropy, screenless input, power button, panic report, seed file systems with their code pages.
const wantedModules = [
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'virtio_rng',
  'button',
  'evdev',
  'pvpanic_mmio',
  'isofs',
  'nls_cp437',
  'nls_ascii',
  'nls_utf8',
  'vfat',
  'overlay',
  'loop',
] as const;

const guestFiles = {
  inittab: 'etc/inittab',
  start: 'etc/tiny/start',
  'user-data': 'etc/tiny/user-data',
  'serial-console': 'etc/tiny/serial-console',
  'screen-console': 'etc/tiny/screen-console',
  lease: 'etc/tiny/lease',
  'power-button': 'etc/acpi/PWRF/00000080',
  profile: 'etc/profile',
} as const satisfies Record<string, string>;

export const tinyRecipe: Recipe = {
  name: 'tiny',
  sources: ['./tiny.ts', './ext4-tool.ts', ...Object.keys(guestFiles).map((file) => `./tiny/${file}`)].map(here),
  packages: guestPackages,
  build,
};

async function build(context: BuildContext): Promise<BuiltImage> {
  const kernelPackage = await kernelPackageOf('linux-image-cloud-amd64', context);
  const ext4Packages = await ext4ToolPackages(context);
  const unpacked = await unpackPackages(context, [kernelPackage, 'busybox-static', ...ext4Packages]);
  const kernel = await findKernel(unpacked);
  context.report('writing the initial RAM disk');
  const root = join(context.workDir, 'root');
  const busybox = await installBusybox(unpacked, root, context);
  await installModules(kernel, root);
  await installExt4Tool(unpacked, root);
  await installGuestFiles(root);
  const archive = join(context.workDir, 'initrd.cpio');
  const pack = 'find . | LC_ALL=C sort | "$1" cpio -o -H newc -R 0:0 >"$2"';
  await run('sh', ['-c', pack, 'sh', busybox, archive], { cwd: root, signal: context.signal });
  await writeFile(join(context.imageDir, 'initrd'), await promisify(gzip)(await readFile(archive)));
  await copyFile(kernel.vmlinuz, join(context.imageDir, 'vmlinuz'));
  return { kernel: 'vmlinuz', initrd: 'initrd', append: ['quiet', 'loglevel=1'], minMemoryMiB: 96, tbSizeMiB: 64 };
}

/** Busybox and a link for each of its programs; answers the busybox that the host can run. */
async function installBusybox(unpacked: string, root: string, context: BuildContext): Promise<string> {
  const source = join(unpacked, 'bin/busybox');
  const target = join(root, 'bin/busybox');
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
  const programs = (await run(source, ['--list-full'], { signal: context.signal })).split('\n');
  for (const program of programs) {
    if (program === '' || program === 'bin/busybox') continue;
    await mkdir(dirname(join(root, program)), { recursive: true });
    await symlink('/bin/busybox', join(root, program));
  }
  await symlink('/bin/busybox', join(root, 'init'));
  return source;
}

async function installModules(kernel: UnpackedKernel, root: string): Promise<void> {
  const order = moduleOrder(wantedModules, dependenciesIn(kernel));
  const absent = wantedModules.filter((name) => !order.includes(name));
  if (absent.length > 0) throw new ImageError('build', `the kernel package has no module ${absent.join(', ')}`);
  await mkdir(join(root, 'lib/modules'), { recursive: true });
  for (const name of order) await cp(kernel.modules.get(name) ?? name, join(root, 'lib/modules', `${name}.ko`));
  await mkdir(join(root, 'etc/tiny'), { recursive: true });
  await writeFile(join(root, 'etc/tiny/modules'), `${order.join('\n')}\n`);
}

async function installGuestFiles(root: string): Promise<void> {
  for (const folder of ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'mnt', 'scratch', 'var/log']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  for (const [source, target] of Object.entries(guestFiles)) {
    await mkdir(dirname(join(root, target)), { recursive: true });
    await copyFile(here(`./tiny/${source}`), join(root, target));
    await chmod(join(root, target), 0o755);
  }
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
}

function here(relative: string): URL {
  return new URL(relative, import.meta.url);
}
