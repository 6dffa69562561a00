// The QEMU process itself.
// Promise: it dies with the process that started it, however that one dies (the kernel sends SIGKILL), and it is a
// member of the given cgroups from its first instruction, since memory is charged from birth.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { programPath } from '../../images/packages.ts';

export interface QemuProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process is gone and its output is read. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  lastErrorLine(): string | undefined;
}

export interface QemuProcessOptions {
  /** `cgroup.procs` files to join before QEMU starts. */
  readonly cgroupProcs?: readonly string[] | undefined;
  readonly onErrorLine: (line: string) => void;
}

export const qemuProgram = 'qemu-system-x86_64';

const joinThenRun = 'for procs in $1; do echo $$ >"$procs" || exit 125; done; shift; exec "$@"';

/** Starts QEMU. Throws when the program cannot be started at all. */
export async function spawnQemu(argv: readonly string[], options: QemuProcessOptions): Promise<QemuProcess> {
  const tied = ['setpriv', '--pdeathsig', 'KILL', '--', qemuProgram, ...argv];
  const cgroups = options.cgroupProcs ?? [];
  const [program = '', ...args] =
    cgroups.length === 0 ? tied : ['sh', '-c', joinThenRun, 'sh', cgroups.join(' '), ...tied];
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: programPath() },
  });
  let lastLine: string | undefined;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLine = line;
    options.onErrorLine(line);
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid ?? 0));
  });
  return { pid, child, ended, lastErrorLine: () => lastLine };
}
