// Installs the Debian packages that the lab and its tests need. As root on Debian it installs what is missing; anybody else
// is told the exact command, and nothing happens. Run again, it only looks.
import { spawnSync } from 'node:child_process';
import { installLine, labPackages, missingPackages } from '../lab/src/images/packages.ts';

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (error !== undefined || status !== 0) {
    console.error(`${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`);
    process.exit(1);
  }
}

/**
 * The guest script is tested under the shell of the tiny image, too; the pages in a browser; the agent beside a played logind. The last has no program of
 * its own: its folder, seen from a folder of programs, tells that it is there.
 */
const wanted = [
  ...labPackages,
  { name: 'busybox', program: 'busybox' },
  { name: 'chromium', program: 'chromium' },
  { name: 'systemd', program: 'systemd-inhibit' },
  { name: 'python3-dbusmock', program: '../lib/python3/dist-packages/dbusmock' },
];
const missing = await missingPackages(wanted);
if (missing.length > 0) {
  const onDebian = spawnSync('apt-get', ['--version']).status === 0;
  if (!onDebian || process.getuid?.() !== 0) {
    console.error(
      onDebian
        ? `Some packages are missing. Run this, then make again:\n\n  sudo ${installLine(missing)}\n`
        : `The lab is made for Debian 12 and its packages: ${wanted.map(({ name }) => name).join(', ')}. apt-get was not found here.`,
    );
    process.exit(1);
  }
  console.log(`installing ${missing.join(', ')} ...`);
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...missing]);
}
