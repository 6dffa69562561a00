// Markers are found however the console's output is cut, and only with the right nonce.
import { describe, expect, it } from '@jest/globals';
import { MarkerReader } from './markers.ts';

const nonce = '00ff00ff00ff00ff';
const read = (...chunks: string[]) => {
  const reader = new MarkerReader(nonce);
  return chunks.flatMap((chunk) => reader.read(chunk));
};

describe('the marker reader', () => {
  it('finds start, ready and exit', () => {
    const text = `boot\r\nidlewild:${nonce}:start\r\nout\r\nidlewild:${nonce}:ready\r\nidlewild:${nonce}:exit:42\r\n`;
    expect(read(text)).toEqual([{ kind: 'start' }, { kind: 'ready' }, { kind: 'exit', code: 42 }]);
  });

  it('does not depend on where the output is cut', () => {
    const text = `\nidlewild:${nonce}:start\nx\nidlewild:${nonce}:exit:127\n`;
    for (let cut = 0; cut <= text.length; cut++) {
      expect(read(text.slice(0, cut), text.slice(cut))).toEqual([{ kind: 'start' }, { kind: 'exit', code: 127 }]);
    }
    expect(read(...text)).toHaveLength(2);
  });

  it('waits for the end of the line, so that 1 is not read for 127', () => {
    expect(read(`idlewild:${nonce}:exit:1`)).toEqual([]);
    expect(read(`idlewild:${nonce}:exit:1`, '27\n')).toEqual([{ kind: 'exit', code: 127 }]);
  });

  it.each([
    ['another nonce', 'idlewild:1111111111111111:exit:0\n'],
    ['no nonce', 'idlewild::exit:0\n'],
    ['another word', `idlewild:${nonce}:stop\n`],
    ['a number that is no exit code', `idlewild:${nonce}:exit:1234\n`],
  ])('ignores %s', (_name, text) => {
    expect(read(text)).toEqual([]);
  });

  it('finds a marker behind a kernel message on the same line', () => {
    expect(read(`[ 3.1] random: crng init doneidlewild:${nonce}:start\r\n`)).toEqual([{ kind: 'start' }]);
  });

  it('keeps finding markers after megabytes without a newline', () => {
    const reader = new MarkerReader(nonce);
    for (let n = 0; n < 200; n++) expect(reader.read('x'.repeat(10_000))).toEqual([]);
    expect(reader.read(`\nidlewild:${nonce}:exit:0\n`)).toEqual([{ kind: 'exit', code: 0 }]);
  });

  it('refuses a nonce that could be read as a pattern', () => {
    expect(() => new MarkerReader('.*')).toThrow(/nonce/);
  });
});
