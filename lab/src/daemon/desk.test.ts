// Somebody at a lab machine's keyboard, as an agent reads it.
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Desk } from './desk.ts';

let host: string;
beforeEach(() => {
  host = mkdtempSync(join(tmpdir(), 'iw-desk-'));
});
afterEach(() => rmSync(host, { recursive: true, force: true }));

describe('a desk', () => {
  it('types while somebody sits there, and survives that nobody reads', () => {
    const desk = new Desk(host);
    const fd = openSync(join(host, 'dev/input/event0'), constants.O_RDONLY | constants.O_NONBLOCK);
    const records = Buffer.alloc(24 * 10_000);
    desk.arrive();
    expect(readSync(fd, records)).toBe(24);
    expect([records.readUInt16LE(16), records.readInt32LE(20)]).toEqual([1, 1]);
    for (let i = 0; i < 5_000; i++) {
      desk.leave();
      desk.arrive();
    }
    desk.close();
    expect(readSync(fd, records)).toBeGreaterThan(24 * 1_000);
    closeSync(fd);
  });
});
