// One of the real programs as a process. Promises: it dies with the process that started it, however that ends; what it says is in its
// log file, whose end is told when it fails; ending it is asked first and made after a while.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Program {
  /** Resolves with how it ended, whoever ended it. */
  readonly ended: Promise<string>;
  /** Resolves when `ready` does say so. Rejects when the program ends before, or the time is over. */
  waitFor(ready: () => Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

export interface Deadlines {
  /** How long the program may take until it is ready, ms. */
  readonly readyMs: number;
  /** How long it may take to end when asked to, ms. */
  readonly stopMs: number;
}

const pollMs = 100;
const toldLines = 12;

export function startProgram(file: string, args: readonly string[], logFile: string, deadlines: Deadlines): Program {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', file, ...args], { stdio: ['ignore', log, log] });
  closeSync(log);
  let end: string | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve((end = error.message)));
    child.once('exit', (code, signal) => resolve((end = signal ?? `code ${code}`)));
  });
  const name = basename(file);
  const complaint = (what: string): Error => new Error(`${name} ${what}; the end of ${logFile}:\n${endOf(logFile)}`);
  return {
    ended,
    async waitFor(ready) {
      const deadline = performance.now() + deadlines.readyMs;
      for (;;) {
        if (end !== undefined) throw complaint(`ended (${end}) before it was ready`);
        if (await ready()) return;
        if (performance.now() > deadline) throw complaint(`was not ready in ${deadlines.readyMs / 1000} s`);
        await delay(pollMs);
      }
    },
    async stop() {
      if (end !== undefined) return;
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), deadlines.stopMs);
      await ended;
      clearTimeout(force);
    },
  };
}

function endOf(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-toldLines).join('\n');
}
