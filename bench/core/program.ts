// A measured process: started with the probe in it, asked what it uses and what it wrote, and ended.
// Promises: it dies with the bench; its output is in a file of its own, of which the end is shown when it dies unasked.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { RecordedWrite, WriteKind } from './requests.ts';

export interface Usage {
  /** User and system time since its start, ms. */
  readonly cpuMs: number;
  readonly residentMiB: number;
  /** The most that was ever resident. */
  readonly peakMiB: number;
  readonly heapMiB: number;
  /** What V8 has taken from the system for its heap. */
  readonly committedMiB: number;
  /** Buffers and the like, outside of the heap. */
  readonly externalMiB: number;
}

type Ask =
  { readonly kind: 'usage' | 'tally' | 'profile' } | { readonly kind: 'save' | 'saveProfile'; readonly file: string };
export type Question = Ask & { readonly id: number };
export interface Answer {
  readonly id: number;
  readonly value: unknown;
}

/** What is kept of its writes, in its own memory, to be saved afterwards: only how many, each one, or each with its body. */
export type Kept = 'counts' | 'writes' | 'bodies';

export interface ProgramOptions {
  readonly name: string;
  /** Path of the program, absolute or from the root of the repository. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Path of the probe; a bundle, so that what strips types is not loaded on its account. */
  readonly probe: string;
  readonly logFile: string;
  readonly keep?: Kept;
}

const root = join(import.meta.dirname, '../..');
const graceMs = 10_000;

export class Program {
  readonly pid: number;
  readonly logFile: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly startedAt: number;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, (value: unknown) => void>();
  readonly #said: ((message: object) => boolean)[] = [];
  readonly #ended: Promise<void>;
  #failed: ((error: Error) => void) | undefined;
  readonly #failure: Promise<never>;
  #stopping = false;
  #next = 0;

  constructor(o: ProgramOptions) {
    this.#name = o.name;
    this.logFile = o.logFile;
    const output = openSync(o.logFile, 'a');
    const node = ['--disable-warning=ExperimentalWarning', ...(o.nodeFlags ?? []), ...['--import', o.probe]];
    this.startedAt = performance.timeOrigin + performance.now();
    this.#child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', process.execPath, ...node, resolve(root, o.script), ...(o.args ?? [])],
      {
        stdio: ['ignore', output, output, 'ipc'],
        env: { ...process.env, NODE_OPTIONS: '', IDLEWILD_BENCH_KEEP: o.keep ?? 'writes' },
      },
    );
    closeSync(output);
    this.pid = this.#child.pid ?? 0;
    this.#failure = new Promise((_resolve, reject) => (this.#failed = reject));
    // Whoever waits hears of it; a death while nobody waits is told to the next one who asks.
    this.#failure.catch(() => undefined);
    this.#child.on('message', (message) => this.#onMessage(message as Answer | object));
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#failed?.(error));
      this.#child.once('exit', (code, signal) => {
        resolve();
        if (!this.#stopping) this.#failed?.(new Error(`${this.#name} ended (${signal ?? code}): ${this.#lastWords()}`));
      });
    });
  }

  usage(): Promise<Usage> {
    return this.#ask({ kind: 'usage' });
  }

  /** Writes that were carried out so far. */
  tally(): Promise<Partial<Record<WriteKind, number>>> {
    return this.#ask({ kind: 'tally' });
  }

  /** All writes so far, through a file beside the log. */
  async writes(): Promise<RecordedWrite[]> {
    const file = await this.saveWrites();
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RecordedWrite);
  }

  async saveWrites(): Promise<string> {
    const file = `${this.logFile}.writes`;
    await this.#ask({ kind: 'save', file });
    return file;
  }

  async profile(): Promise<void> {
    await this.#ask({ kind: 'profile' });
  }

  async saveProfile(file: string): Promise<void> {
    await this.#ask({ kind: 'saveProfile', file });
  }

  /** Sends the program a message of its own kind. */
  tell(message: object): void {
    this.#child.send(message);
  }

  /** The first message from now on that is what `look` wants; throws when the process dies before. */
  async hear<T>(look: (message: object) => T | undefined): Promise<T> {
    const heard = new Promise<T>((resolve) => {
      this.#said.push((message) => {
        const value = look(message);
        if (value !== undefined) resolve(value);
        return value !== undefined;
      });
    });
    return Promise.race([heard, this.#failure]);
  }

  /** A line of its output so far that is JSON and what `look` wants. */
  said<T>(look: (line: Record<string, unknown>) => T | undefined): T | undefined {
    for (const line of readFileSync(this.logFile, 'utf8').split('\n')) {
      if (!line.startsWith('{')) continue;
      const value = look(JSON.parse(line) as Record<string, unknown>);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Throws when the process has died unasked. */
  async alive(): Promise<void> {
    await Promise.race([this.#failure, Promise.resolve()]);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(force);
  }

  async #ask<T>(question: Ask): Promise<T> {
    const id = (this.#next += 1);
    const answered = new Promise<T>((resolve) => this.#asked.set(id, resolve as (value: unknown) => void));
    this.#child.send({ ...question, id });
    return Promise.race([answered, this.#failure]);
  }

  #onMessage(message: Answer | object): void {
    if ('id' in message) {
      this.#asked.get(message.id)?.(message.value);
      this.#asked.delete(message.id);
      return;
    }
    const index = this.#said.findIndex((wants) => wants(message));
    if (index >= 0) this.#said.splice(index, 1);
  }

  #lastWords(): string {
    return readFileSync(this.logFile, 'utf8').slice(-2000);
  }
}
