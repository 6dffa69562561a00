// Lines come out whole however the bytes come in.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { linesOf, type Line } from './lines.ts';

async function collect(chunks: Uint8Array[]): Promise<Line[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      await Promise.resolve();
      yield chunk;
    }
  }
  const lines: Line[] = [];
  for await (const line of linesOf(source())) lines.push(line);
  return lines;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('linesOf', () => {
  it('marks a last line without its newline as cut', async () => {
    expect(await collect([bytes('{"a":1}\n{"b"')])).toEqual([
      { text: '{"a":1}', cut: false },
      { text: '{"b"', cut: true },
    ]);
  });

  it('skips empty lines and accepts CRLF', async () => {
    const lines = await collect([bytes('one\r\n\r\n\n  \ntwo\n')]);
    expect(lines.map((line) => line.text.trim())).toEqual(['one', 'two']);
  });

  it('gives the same lines wherever the stream is cut into chunks, even within a character', async () => {
    const text = fc.array(fc.stringMatching(/^[^\n\r]*\S[^\n\r]*$/u), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat({ max: 40 }), { maxLength: 8 }), async (wanted, cuts) => {
        const all = bytes(wanted.map((line) => `${line}\n`).join(''));
        const places = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
        const chunks = places.slice(1).map((end, i) => all.subarray(places[i], end));
        expect((await collect(chunks)).map((line) => line.text)).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });
});
