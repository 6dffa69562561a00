// Which programs the lab needs from the distribution, and which of them are missing here.
// Promise: a missing program is reported with the exact command that installs it. It installs nothing itself.
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError } from './guest-image.ts';

export interface HostPackage {
  /** Name of the Debian package. */
  readonly name: string;
  /** A program of that package; its presence on the search path counts as the package being installed. */
  readonly program: string;
}

/** What running guests and building `lab/tiny` takes. */
export const guestPackages: readonly HostPackage[] = [
  { name: 'qemu-system-x86', program: 'qemu-system-x86_64' },
  { name: 'qemu-utils', program: 'qemu-img' },
  { name: 'util-linux', program: 'setpriv' },
  { name: 'perl-base', program: 'perl' },
  { name: 'dpkg', program: 'dpkg-deb' },
  { name: 'apt', program: 'apt-get' },
];

/** What building `lab/debian` and `lab/desktop` takes on top. */
export const distributionPackages: readonly HostPackage[] = [
  { name: 'mmdebstrap', program: 'mmdebstrap' },
  { name: 'e2fsprogs', program: 'mke2fs' },
];

/** Everything that the lab may ask for; the set-up step of the repository installs these. */
export const labPackages: readonly HostPackage[] = [...guestPackages, ...distributionPackages];

// A plain user's search path on Debian lacks the sbin folders, where mke2fs lives.
const extraFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The search path for the programs above. */
export function programPath(path = process.env['PATH'] ?? ''): string {
  return [...new Set([...path.split(':').filter((folder) => folder !== ''), ...extraFolders])].join(':');
}

/** Names of the packages among `wanted` whose program is not on this machine, in the order given. */
export async function missingPackages(
  wanted: readonly HostPackage[] = labPackages,
  path = programPath(),
): Promise<string[]> {
  const found = await Promise.all(wanted.map(({ program }) => isOnPath(program, path)));
  return wanted.filter((_, index) => found[index] === false).map(({ name }) => name);
}

/** The command that installs the packages on Debian. */
export function installLine(packages: readonly string[]): string {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** Throws an ImageError of kind `packages` that carries the install command, if any of `wanted` is missing. */
export async function requirePackages(wanted: readonly HostPackage[], path?: string): Promise<void> {
  const missing = await missingPackages(wanted, path);
  if (missing.length === 0) return;
  throw new ImageError('packages', `programs are missing on this machine; install them with: ${installLine(missing)}`);
}

async function isOnPath(program: string, path: string): Promise<boolean> {
  for (const folder of path.split(':')) {
    try {
      await access(join(folder, program), constants.X_OK);
      return true;
    } catch {
      // Not in this folder: the next one may have it.
    }
  }
  return false;
}
