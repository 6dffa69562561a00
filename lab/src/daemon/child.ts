// One supervised process of the lab: started, watched, started again when it dies by itself, ended when told.
// Promises: it dies with the lab, however that ends (the kernel sends SIGKILL); its output is in its log file; a restart waits
// longer each time, up to 10 s, and is said.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { identityOf, type ProcessIdentity } from '../machines/cgroup/processes.ts';

export interface ChildOptions {
  readonly name: string;
  /** Node unless given. */
  readonly program?: readonly [string, ...string[]];
  /** Arguments after the program; asked before every start. */
  readonly args: () => readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called when the process runs, before it has done anything. */
  readonly onStart?: (pid: number) => void;
  /** Called when the process has ended, for whatever reason. */
  readonly onEnd?: () => void;
  /** One line for the person in front of the lab. */
  readonly say: (line: string) => void;
}

const firstWaitMs = 500;
const longestWaitMs = 10_000;
const node = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
/** A process that ran so long was healthy: the next restart is quick again. */
const healthyMs = 30_000;

export class Child {
  readonly #o: ChildOptions;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #wanted = false;
  #waitMs = firstWaitMs;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ChildOptions) {
    this.#o = options;
  }

  get name(): string {
    return this.#o.name;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  get identity(): ProcessIdentity | undefined {
    const pid = this.#process?.pid;
    return pid === undefined ? undefined : identityOf(pid);
  }

  start(): void {
    this.#wanted = true;
    if (this.#process === undefined) this.#spawn();
  }

  /** Asks it to end, and makes it after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.forget();
    const process = this.#process;
    if (process === undefined) return;
    process.kill('SIGTERM');
    const timer = setTimeout(() => process.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Sends it a signal; one that ends it is followed by a new start. Throws when it does not run. */
  signal(name: NodeJS.Signals): void {
    if (this.#process?.kill(name) !== true) throw new Error(`${this.name} does not run`);
  }

  /** It is about to be killed by somebody else and must not be started again. */
  forget(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
  }

  /** Resolves when no process runs. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  #spawn(): void {
    const { program = node, args, logFile, env, onStart, name, say } = this.#o;
    mkdirSync(dirname(logFile), { recursive: true });
    const output = openSync(logFile, 'a');
    const startedAt = performance.now();
    // A session of its own: Ctrl-C in the terminal reaches the lab alone, which then ends its children in order.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...program, ...args()], {
      stdio: ['ignore', output, output],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(output);
    this.#process = child;
    if (child.pid !== undefined) onStart?.(child.pid);
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (this.#process !== child) return;
        this.#process = undefined;
        this.#o.onEnd?.();
        resolve();
        if (!this.#wanted) return;
        if (performance.now() - startedAt > healthyMs) this.#waitMs = firstWaitMs;
        say(`${name} ended (${how}) and is started again in ${this.#waitMs / 1000} s; see ${logFile}`);
        this.#timer = setTimeout(() => this.#spawn(), this.#waitMs);
        this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ?? `code ${code}`));
    });
  }
}
