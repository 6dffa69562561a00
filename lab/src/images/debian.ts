// `lab/debian` and `lab/desktop`: the distribution itself, from packages alone, with cloud-init and the guest agent.
// The first is a server that runs a NoCloud user-data script some 30 s after power-on without KVM; the second adds X.
// Root on the serial console needs no password. Building takes minutes and, for an ordinary user, user namespaces.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.ts';
import { distributionPackages, guestPackages } from './packages.ts';
import type { BuildContext, BuiltImage, Recipe } from './recipe.ts';

interface Flavour {
  readonly name: 'debian' | 'desktop';
  readonly kernelPackage: string;
  readonly extraPackages: readonly string[];
  /** Files of the recipe that only this flavour uses. */
  readonly extraFiles: readonly string[];
  /** Size of the root disk as the guest sees it. */
  readonly diskSize: string;
  readonly minMemoryMiB: number;
  readonly tbSizeMiB: number;
}

const suite = 'bookworm';
const packages = [
  'systemd-sysv',
  'udev',
  'dbus',
  'initramfs-tools',
  'kmod',
  'e2fsprogs',
  'cloud-init',
  'netplan.io',
].concat(['qemu-guest-agent', 'iproute2', 'openssh-server', 'sudo', 'ca-certificates', 'curl', 'python3']);
const recipeFiles = ['before-packages', 'after-packages', 'cloud.cfg', 'serial-getty.conf', 'quiet-console.conf'];
const desktopFiles = [
  'install',
  'desktop.service',
  'xorg.conf',
  'xsession',
  'Xresources',
  'background.py',
  'preferences',
  'prefoverride',
  'theme',
  'menu',
  'toolbar',
].map((file) => `desktop/${file}`);

export const debianRecipe = recipeOf({
  name: 'debian',
  kernelPackage: 'linux-image-cloud-amd64',
  extraPackages: [],
  extraFiles: [],
  diskSize: '2G',
  minMemoryMiB: 256,
  tbSizeMiB: 128,
});

export const desktopRecipe = recipeOf({
  name: 'desktop',
  // The cloud kernel has no graphics.
  kernelPackage: 'linux-image-amd64',
  extraPackages: ['xserver-xorg-core', 'xserver-xorg-input-libinput', 'xinit', 'icewm', 'xterm'].concat([
    'x11-xserver-utils',
    'fonts-dejavu-core',
    'xfonts-base',
    'nano',
    'htop',
  ]),
  extraFiles: desktopFiles,
  diskSize: '4G',
  minMemoryMiB: 512,
  tbSizeMiB: 256,
});

function recipeOf(flavour: Flavour): Recipe {
  return {
    name: flavour.name,
    sources: ['./debian.ts', ...[...recipeFiles, ...flavour.extraFiles].map((file) => `./debian/${file}`)].map(
      (file) => new URL(file, import.meta.url),
    ),
    packages: [...guestPackages, ...distributionPackages],
    build: (context) => build(flavour, context),
  };
}

async function build(flavour: Flavour, context: BuildContext): Promise<BuiltImage> {
  const recipeDir = fileURLToPath(new URL('./debian', import.meta.url));
  const before = ['sh', join(recipeDir, 'before-packages')].map(quoted).join(' ');
  const after = ['sh', join(recipeDir, 'after-packages')].map(quoted).join(' ');
  const afterArgs = [recipeDir, context.imageDir, flavour.diskSize].map(quoted).join(' ');
  context.report(`installing Debian ${suite} into a folder`);
  const args = [
    '--variant=apt',
    // Root builds in place; anybody else in a user namespace.
    `--mode=${process.getuid?.() === 0 ? 'root' : 'unshare'}`,
    '--format=null',
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Retries "2"',
    ...['man', 'doc', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    `--include=${[flavour.kernelPackage, ...packages, ...flavour.extraPackages].join(',')}`,
    `--essential-hook=${before} "$1"`,
    `--customize-hook=${after} "$1" ${afterArgs}`,
    suite,
    '/dev/null',
  ];
  const [program = '', ...rest] = [...sandbox(), 'mmdebstrap', ...args];
  await run(program, rest, {
    signal: context.signal,
    env: { TMPDIR: context.workDir },
    onLine: (line) => {
      if (line.startsWith('I: ')) context.report(line.slice(3).trim());
    },
  });
  context.report('writing the root disk');
  const raw = join(context.imageDir, 'root.raw');
  await run('qemu-img', ['convert', '-O', 'qcow2', raw, join(context.imageDir, 'root.qcow2')], {
    signal: context.signal,
  });
  await rm(raw);
  return {
    kernel: 'vmlinuz',
    initrd: 'initrd',
    rootDisk: 'root.qcow2',
    // Errors of drivers are in the guest's own log; on the serial line they would stand between the lines of a job.
    append: ['root=/dev/vda', 'rw', 'net.ifnames=0', 'quiet', 'loglevel=3'],
    minMemoryMiB: flavour.minMemoryMiB,
    tbSizeMiB: flavour.tbSizeMiB,
  };
}

/**
 * As root mmdebstrap mounts the likes of /proc in its folder for all to see. In a namespace of its own nothing stays mounted
 * and no package manager goes on when it is killed: the kernel ends everything in it with its first process.
 */
function sandbox(): string[] {
  if (process.getuid?.() !== 0) return [];
  return ['unshare', '--mount', '--pid', '--mount-proc', '--fork', '--kill-child'];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
