// Builds the images as they are released, without a daemon, without anybody's base image and without rights over the machine's
// containers, and starts every program in them as the chart has it started. The base is made of this machine's own busybox and the
// Node that the tests run with; so what is proven is every COPY, every RUN and every entry point, and nothing about the base of a
// release. Promises: all that it writes is in memory and in name spaces of its own, so that nothing is left however it ends. It
// needs root, the package buildah and 3 GiB of memory.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { addNpm, makeTree } from './images/base.ts';
import { Buildah } from './images/buildah.ts';
import { proofs } from './images/proofs.ts';
import { Stage } from './images/stage.ts';

const root = join(import.meta.dirname, '..');
const work = join(root, 'node_modules/.cache/idlewild/images');
/** What the images are told that they are. */
const told = { VERSION: '9.8.7-rc.1', REVISION: '0123456789abcdef0123456789abcdef01234567' };
const began = performance.now();

/** Runs this program again, as another step, by way of a command that makes its surroundings. */
async function again(step: string, by: readonly string[]): Promise<number> {
  const [program = '', ...rest] = by;
  const self = [process.execPath, ...process.execArgv, import.meta.filename, step];
  const child = spawn(program, [...rest, ...self], { stdio: 'inherit' });
  const kill = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, kill);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 130;
}

/** Whatever it mounts and starts ends with it, by the kernel. */
function apart(): Promise<number> {
  if (process.getuid?.() !== 0) throw new Error('building images takes root');
  mkdirSync(work, { recursive: true });
  const memory = 'mount -t tmpfs -o size=6g,mode=0755 images "$1"; shift; exec "$@"';
  const spaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  return again('build', ['setpriv', '--pdeathsig', 'KILL', '--', ...spaces, '--', 'sh', '-euc', memory, 'sh', work]);
}

function build(buildah: Buildah): void {
  const tree = join(work, 'tree');
  makeTree(tree);
  buildah.pack(tree, 'localhost/idlewild-base');
  addNpm(tree);
  buildah.pack(tree, 'localhost/idlewild-build');
  say('base images');
  for (const target of Object.keys(proofs)) {
    const args = { BASE: 'localhost/idlewild-base', BUILD: 'localhost/idlewild-build', ...told };
    buildah.run(
      [
        // The layers of the build are those of the target before.
        ...['bud', '--layers', '--isolation', 'chroot', '--format', 'docker', '--pull-never', '--quiet'],
        ...Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
        ...['--volume', `${join(homedir(), '.npm')}:/root/.npm`, '--target', target],
        ...['--tag', `localhost/idlewild-${target}`, '.'],
      ],
      true,
    );
    say(`${target}: built`);
  }
}

async function prove(buildah: Buildah): Promise<void> {
  spawnSync('/bin/busybox', ['ip', 'link', 'set', 'lo', 'up']);
  const stage = await Stage.open(buildah, work, told);
  try {
    for (const [target, proof] of Object.entries(proofs)) {
      for (const done of await proof(stage)) console.log(`  ${target}: ${done}`);
      say(`${target}: proven`);
    }
  } finally {
    await stage.close();
  }
}

function say(what: string): void {
  console.log(`${what}: ${Math.round((performance.now() - began) / 1000)} s`);
}

const buildah = new Buildah(work, root);
switch (process.argv[2]) {
  case undefined:
    process.exitCode = await apart();
    break;
  case 'build':
    build(buildah);
    process.exitCode = await again('prove', ['unshare', '--net', '--']);
    break;
  case 'prove':
    await prove(buildah);
    break;
  default:
    throw new Error('image-test takes no arguments');
}
