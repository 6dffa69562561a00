// Starts a program out of an image as a kubelet has it started: the image's files as a root that cannot be written to, its own
// process ids, the image's user and environment, no more capabilities than it is given and none to be gained.
// Promises: what it starts dies with this process. It shares the network with whoever calls it. It needs root.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface Mount {
  readonly from: string;
  /** Absolute, in the container. */
  readonly to: string;
  readonly readOnly: boolean;
}

export interface Sandbox {
  /** The image's files. */
  readonly root: string;
  readonly mounts: readonly Mount[];
  /** As in an image: `uid:gid`. */
  readonly user: string;
  readonly workingDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Such as `kill`; `all` for a privileged container. */
  readonly capabilities: readonly string[];
  readonly mayGain: boolean;
}

const script = `
root=$1; shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root$3"
  mount --bind "$2" "$root$3"
  [ "$1" = rw ] || mount -o remount,bind,ro "$root$3"
  shift 3
done
shift
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 dev "$root/dev"
for it in null zero random urandom; do : >"$root/dev/$it"; mount --bind "/dev/$it" "$root/dev/$it"; done
mount -o remount,bind,ro "$root"
exec "$@"`;

function argsOf(box: Sandbox, command: readonly string[]): string[] {
  const [uid = '', gid = ''] = box.user.split(':');
  // Another user than root loses all capabilities by becoming one, after the change of the root, which takes one. Root has fewer
  // from the beginning, and that one among them.
  const asRoot = ['--clear-groups', ...(box.capabilities.includes('all') ? [] : ['--inh-caps=-all', boundOf(box)])];
  const become = [`--setgid=${gid}`, `--setuid=${uid}`];
  return [
    ...['--mount', '--pid', '--fork', '--kill-child=KILL', '--', '/bin/sh', '-euc', script, 'sandbox', box.root],
    ...box.mounts.flatMap(({ from, to, readOnly }) => [readOnly ? 'ro' : 'rw', from, to]),
    ...['--', '/usr/bin/setpriv', ...(uid === '0' ? asRoot : []), ...(box.mayGain ? [] : ['--no-new-privs']), '--'],
    ...['/usr/bin/unshare', `--root=${box.root}`, `--wd=${box.workingDir}`, ...(uid === '0' ? [] : become), '--'],
    ...command,
  ];
}

const boundOf = ({ capabilities }: Sandbox): string =>
  `--bounding-set=-all${[...new Set(['sys_chroot', ...capabilities])].map((name) => `,+${name}`).join('')}`;

/** Runs a command to its end; its output is what it wrote to both streams. */
export function runInside(
  box: Sandbox,
  command: readonly string[],
): { readonly code: number; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('/usr/bin/unshare', argsOf(box, command), {
    encoding: 'utf8',
    env: box.env,
    timeout: 60_000,
  });
  return { code: status ?? 1, output: stdout + stderr };
}

export class Running {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  constructor(box: Sandbox, command: readonly string[]) {
    this.#child = spawn('/usr/bin/unshare', argsOf(box, command), { env: box.env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#ended = once(this.#child, 'exit');
  }

  get output(): string {
    return this.#output;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Of the program itself, as this process sees it. Throws when it has ended. */
  get pid(): number {
    const outer = `${this.#child.pid}`;
    const inner = Number(readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8'));
    if (!(inner > 0)) throw new Error(`it has ended: ${this.#output}`);
    return inner;
  }

  /** Asks it to end, and gives its exit code. */
  async stop(): Promise<number | null> {
    if (!this.ended) process.kill(this.pid, 'SIGTERM');
    await this.#ended;
    return this.#child.exitCode;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
