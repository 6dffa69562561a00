import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, systemClock } from '@idlewild/operator/kube/clock.ts';
import { LogTail, LogWriter, readLog, type ReadOptions } from './log-file.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'log-'));
  file = join(dir, 'x.log');
});
afterEach(() => rmSync(dir, { recursive: true }));

async function all(options: ReadOptions = {}): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of readLog(file, options, systemClock)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** A log with one line a second: first at 00:00:00. */
async function threeLines(): Promise<void> {
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const log = new LogWriter(file, clock);
  for (const line of ['one', 'two', 'three']) {
    log.line(line);
    await clock.advance(1000);
  }
  log.end();
}

describe('a container log', () => {
  it.each<{ title: string; options: ReadOptions; text: string }>([
    { title: 'is shown whole', options: {}, text: 'one\ntwo\nthree\n' },
    { title: 'is shown from its last lines', options: { tailLines: 2 }, text: 'two\nthree\n' },
    { title: 'shows nothing of no lines', options: { tailLines: 0 }, text: '' },
    { title: 'is shown since a time', options: { sinceMs: Date.parse('2026-01-01T00:00:01Z') }, text: 'two\nthree\n' },
    { title: 'is cut to a number of bytes', options: { limitBytes: 5 }, text: 'one\nt' },
    {
      title: 'is shown with times',
      options: { timestamps: true, tailLines: 1 },
      text: '2026-01-01T00:00:02.000000000Z three\n',
    },
  ])('$title', async ({ options, text }) => {
    await threeLines();
    expect(await all(options)).toBe(text);
  });

  it('is empty while it does not exist', async () => {
    expect(await all()).toBe('');
  });

  it('makes whole lines of bytes, without the carriage returns of a serial line', async () => {
    const log = new LogWriter(file, systemClock);
    for (const piece of ['hel', 'lo\r\nwor', 'ld\r\r\n', 'no end']) log.bytes(Buffer.from(piece));
    expect(await all()).toBe('hello\nworld\n');
    log.end();
    expect(await all()).toBe('hello\nworld\nno end\n');
  });

  it('breaks a line that never ends, so that memory stays bounded', async () => {
    const log = new LogWriter(file, systemClock);
    log.bytes(Buffer.alloc(40_000, 'x'));
    log.end();
    expect((await all()).split('\n').map((line) => line.length)).toEqual([16_384, 16_384, 7_232, 0]);
  });

  it('is followed until it has ended, and nothing is lost at the end', async () => {
    const log = new LogWriter(file, systemClock);
    let ended = false;
    log.line('first');
    const heard: string[] = [];
    const reading = (async () => {
      for await (const chunk of readLog(file, { follow: true, ended: () => ended }, systemClock)) {
        heard.push(chunk.toString('utf8'));
        if (heard.length > 1) continue;
        log.line('second');
        log.bytes(Buffer.from('last'));
        log.end();
        ended = true;
      }
    })();
    await reading;
    expect(heard.join('')).toBe('first\nsecond\nlast\n');
  });

  it('copies a file that grows, to its last byte', async () => {
    const source = join(dir, 'serial');
    writeFileSync(source, 'a\n');
    const log = new LogWriter(file, systemClock);
    const tail = new LogTail(source, log);
    tail.start((error) => {
      throw error;
    });
    for (let i = 0; i < 100; i += 1) appendFileSync(source, `line ${i}\n`);
    await tail.finish();
    log.end();
    expect(await all()).toBe(`a\n${Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join('')}`);
  });
});
