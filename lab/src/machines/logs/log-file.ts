// A container's log on disk, one line per record in the form of the container runtime interface:
// `2026-01-01T00:00:00.000000000Z stdout F text`. Promises: lines are whole and in order, and each carries the time it was read.
import { closeSync, createReadStream, openSync, writeSync, type FSWatcher, watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Clock } from '@idlewild/operator/kube/clock.ts';

const recordHead = / std(?:out|err) [FP] /;
/** A line longer than this is broken in two, as a container runtime does. */
const longestLineBytes = 16 * 1024;

function stamp(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000000Z');
}

export class LogWriter {
  readonly #fd: number;
  readonly #clock: Clock;
  #partial = Buffer.alloc(0);
  /** A container's log ends with the container: a guest that is killed after its pod had ended has nobody to tell. */
  #ended = false;

  constructor(file: string, clock: Clock) {
    this.#fd = openSync(file, 'a', 0o640);
    this.#clock = clock;
  }

  line(text: string): void {
    if (this.#ended) return;
    writeSync(this.#fd, `${stamp(this.#clock.now())} stdout F ${text}\n`);
  }

  /** Takes bytes as they come; carriage returns before a line's end, which a serial line sends, are dropped. */
  bytes(chunk: Uint8Array): void {
    if (this.#ended) return;
    let rest = Buffer.concat([this.#partial, chunk]);
    const at = stamp(this.#clock.now());
    const records: Buffer[] = [];
    for (;;) {
      let end = rest.indexOf(0x0a);
      if (end < 0 && rest.length < longestLineBytes) break;
      const next = end < 0 ? (end = longestLineBytes) : end + 1;
      let line = rest.subarray(0, end);
      while (line.at(-1) === 0x0d) line = line.subarray(0, -1);
      records.push(Buffer.from(`${at} stdout F `), line, Buffer.from('\n'));
      rest = rest.subarray(next);
    }
    this.#partial = Buffer.from(rest);
    if (records.length > 0) writeSync(this.#fd, Buffer.concat(records));
  }

  /** Writes what has no line end yet, and closes the file. */
  end(): void {
    if (this.#ended) return;
    if (this.#partial.length > 0) this.bytes(Buffer.from('\n'));
    this.#ended = true;
    closeSync(this.#fd);
  }
}

/** Copies a growing file into a log from its beginning on, until told that the file is complete. */
export class LogTail {
  readonly #source: string;
  readonly #log: LogWriter;
  #offset = 0;
  #reading: Promise<void> = Promise.resolve();
  #watcher: FSWatcher | undefined;

  constructor(source: string, log: LogWriter) {
    this.#source = source;
    this.#log = log;
  }

  start(onError: (error: Error) => void): void {
    const read = (): void => {
      this.#reading = this.#reading.then(() => this.#read()).catch((error: unknown) => onError(error as Error));
    };
    this.#watcher = watch(this.#source, read);
    read();
  }

  /** Copies what is left and stops. The log stays open. */
  async finish(): Promise<void> {
    this.#watcher?.close();
    await this.#reading;
    await this.#read();
  }

  async #read(): Promise<void> {
    const { size } = await stat(this.#source);
    if (size <= this.#offset) return;
    const stream = createReadStream(this.#source, { start: this.#offset, end: size - 1 });
    for await (const chunk of stream) {
      this.#offset += (chunk as Buffer).length;
      this.#log.bytes(chunk as Buffer);
    }
  }
}

export interface ReadOptions {
  readonly follow?: boolean;
  /** The last so many lines; all when absent. */
  readonly tailLines?: number;
  /** Only lines written at or after this time, ms since the epoch. */
  readonly sinceMs?: number;
  /** Each line begins with the time it was written. */
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
  /** With `follow`: true when nothing will be added any more. */
  readonly ended?: () => boolean;
  readonly signal?: AbortSignal;
}

const followPollMs = 200;

/** The log as `kubectl logs` shows it. A log that does not exist yet is empty. */
export async function* readLog(file: string, options: ReadOptions, clock: Clock): AsyncGenerator<Buffer> {
  let left = options.limitBytes ?? Infinity;
  let offset = 0;
  let carried = Buffer.alloc(0);
  let first = true;
  for (;;) {
    // Asked before reading: what is written in between is then read by one more round.
    const ended = options.follow !== true || options.ended?.() === true;
    const chunk = await readFrom(file, offset);
    offset += chunk.length;
    const data = Buffer.concat([carried, chunk]);
    const whole = data.lastIndexOf(0x0a) + 1;
    carried = data.subarray(whole);
    let lines = shown(data.subarray(0, whole).toString('utf8'), options);
    if (first && options.tailLines !== undefined)
      lines = options.tailLines === 0 ? [] : lines.slice(-options.tailLines);
    first = false;
    if (lines.length > 0) {
      const out = Buffer.from(lines.join('')).subarray(0, left);
      left -= out.length;
      yield out;
    }
    if (left <= 0 || ended || options.signal?.aborted === true) return;
    await clock.sleep(followPollMs, options.signal).catch(() => undefined);
  }
}

function shown(text: string, { sinceMs, timestamps }: ReadOptions): string[] {
  const lines: string[] = [];
  for (const record of text.split('\n')) {
    const head = recordHead.exec(record);
    if (head === null) continue;
    const time = record.slice(0, head.index);
    if (sinceMs !== undefined && Date.parse(time) < sinceMs) continue;
    const line = record.slice(head.index + head[0].length) + '\n';
    lines.push(timestamps === true ? `${time} ${line}` : line);
  }
  return lines;
}

async function readFrom(file: string, offset: number): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.max(0, size - offset));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
