// A delay lock of logind on shutdown and sleep (https://systemd.io/INHIBITOR_LOCKS/), held by a child process, for Node cannot
// receive the file descriptor that is the lock.
// Promises: the lock ends with this process, however that ends; a child that is refused or ends is told once and tried again
// only after a while. It never blocks anything, it delays.

import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '@idlewild/operator/kube/clock.ts';

const program = 'systemd-inhibit';
const inhibitorArgs = ['--what=shutdown:sleep', '--mode=delay', '--who=Idlewild', '--why=Guests are moved away first'];
/** Says that the lock is held, and ends when our end of its standard input is closed. */
const holder = ['sh', '-c', 'echo held && exec cat >/dev/null'];
const againMs = 10_000;

export interface InhibitorOptions {
  /** Of the system bus. */
  readonly socket: string;
  /** Where the machine's file system is. */
  readonly root: string;
  /** The search path for programs. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Inhibitor {
  readonly #o: InhibitorOptions;
  readonly #command: readonly string[] | undefined;
  #child: ChildProcess | undefined;
  #held = false;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #told: string | undefined;

  constructor(options: InhibitorOptions) {
    this.#o = options;
    this.#command = commandFor(options);
    if (this.impossible !== undefined) options.log.warn(this.impossible);
  }

  /** Whether logind has given the lock. */
  get held(): boolean {
    return this.#held;
  }

  /** Why no lock can be had, in words; undefined when it can. */
  get impossible(): string | undefined {
    return this.#command
      ? undefined
      : `There is no ${program} here, so a shutdown does not wait until guests have been moved.`;
  }

  take(): void {
    const { clock, log, socket } = this.#o;
    const [command, ...args] = this.#command ?? [];
    if (command === undefined || this.#child || clock.monotonic() < this.#notBeforeMs) return;
    this.#notBeforeMs = clock.monotonic() + againMs;
    const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${socket}` };
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', () => {
      this.#held = this.#child === child;
      this.#told = undefined;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-500)));
    const over = (why: string): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#held = false;
      if (why !== this.#told) log.warn({ why }, 'a shutdown does not wait for guests');
      this.#told = why;
    };
    child.once('error', (error) => over(error.message));
    child.once('close', (code, signal) => over(said.trim() || `${program} ended by ${signal ?? code}`));
  }

  release(): void {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    this.#held = false;
    // Given back in order, it may be had again at once.
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    child.stdin?.end();
  }
}

/** The machine's own program when there is none where the agent lives, as in a container. */
function commandFor({ root, path, socket }: InhibitorOptions): readonly string[] | undefined {
  const call = [program, ...inhibitorArgs, ...holder];
  if (path.split(':').some((folder) => folder !== '' && isProgram(join(folder, program)))) return call;
  const below = root.replace(/\/+$/, '');
  if (below === '' || !socket.startsWith(`${below}/`) || !isProgram(join(below, 'usr/bin', program))) return undefined;
  const address = `DBUS_SYSTEM_BUS_ADDRESS=unix:path=${socket.slice(below.length)}`;
  return ['chroot', root, '/usr/bin/env', address, ...call];
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
