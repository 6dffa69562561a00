// The QEMU process itself.
// Promise: it dies with the process that started it, however that one dies (the kernel sends SIGKILL), and it is a
// member of the given cgroups from its first instruction, since memory is charged from birth. With a lease it dies when that
// runs out, too, even if every process of the machine stands still.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { programPath } from '../../images/packages.ts';

/** What a guest on a machine with an agent lives by. */
export interface GuestLease {
  /** Written by the machine's agent; read by holder.pl, which says what is in it. */
  readonly file: string;
  /** UID of the guest's pod, which may have a longer lease than the machine. */
  readonly pod: string;
}

export interface QemuProcess {
  /** Of QEMU, or of the holder above it when there is a lease: ending it ends QEMU. */
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process is gone and its output is read. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  lastErrorLine(): string | undefined;
}

export interface QemuProcessOptions {
  /** `cgroup.procs` files to join before QEMU starts. */
  readonly cgroupProcs?: readonly string[] | undefined;
  readonly lease?: GuestLease | undefined;
  /** In the place of QEMU, with the same arguments. */
  readonly program?: readonly string[] | undefined;
  readonly onErrorLine: (line: string) => void;
}

export const qemuProgram = 'qemu-system-x86_64';

/** A guest without a computer inside; the file says what it does and what not. */
export const lightGuest = ['perl', join(import.meta.dirname, 'light-guest.pl')] as const;

const holder = join(import.meta.dirname, 'holder.pl');

const tied = ['setpriv', '--pdeathsig', 'KILL', '--'];
const joinThenRun = 'for procs in $1; do echo $$ >"$procs" || exit 125; done; shift; exec "$@"';

/** Starts QEMU. Throws when the program cannot be started at all. */
export async function spawnQemu(argv: readonly string[], options: QemuProcessOptions): Promise<QemuProcess> {
  const { cgroupProcs: cgroups = [], lease, program: emulator = [qemuProgram] } = options;
  const qemu = [...tied, ...emulator, ...argv];
  const joined = cgroups.length === 0 ? qemu : ['sh', '-c', joinThenRun, 'sh', cgroups.join(' '), ...qemu];
  // The holder stays outside of the groups: held back with its guest, it might be late to see that the lease goes on.
  const [program = '', ...args] =
    lease === undefined ? joined : [...tied, 'perl', holder, lease.file, lease.pod, ...joined];
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
