// Runs one program of the host to its end.
// Promise: a failure carries the program's name and the end of what it printed. The child dies with this process.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { programPath } from './packages.ts';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Called with every line of standard error while the program runs. */
  readonly onLine?: (line: string) => void;
}

const keptErrorLines = 12;

/** Runs the program and answers its standard output; throws when it does not end with code 0. */
export async function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  // A killed lab must not leave a package manager writing into its cache: the kernel ends the child with its parent.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    cwd: options.cwd,
    env: { ...process.env, PATH: programPath(), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' as const }),
  });
  const output: Buffer[] = [];
  const errorLines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  createInterface({ input: child.stderr }).on('line', (line) => {
    errorLines.push(line);
    if (errorLines.length > keptErrorLines) errorLines.shift();
    options.onLine?.(line);
  });
  const end = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code === 0 ? '' : (signal ?? `code ${code}`)));
  });
  if (end === '') return Buffer.concat(output).toString('utf8');
  throw new Error(`${program} ended with ${end}: ${errorLines.join('\n')}`);
}
