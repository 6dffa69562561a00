// Splits a byte stream into lines of text.
// Promises: characters cut between chunks are put together; long lines cost no more than their length; a last line without
// its newline is handed over as `cut`, so that the caller can tell a whole line from a torn one.

export interface Line {
  readonly text: string;
  /** True for what was left when the stream ended without a newline. */
  readonly cut: boolean;
}

export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void, undefined> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      parts.push(text.slice(start, end));
      const line = parts.join('');
      parts = [];
      start = end + 1;
      if (line.trim() !== '') yield { text: line, cut: false };
    }
    if (start < text.length) parts.push(text.slice(start));
  }
  const rest = parts.join('') + decoder.decode();
  if (rest.trim() !== '') yield { text: rest, cut: true };
}
