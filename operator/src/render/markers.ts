// Finds the wrapper's markers in what a guest prints on its serial console.
// Promises: works on chunks cut anywhere; kernel messages or a missing newline before a marker do no harm; a marker counts
// only with the attempt's nonce and once its line is complete; memory use is bounded whatever the guest prints.

export type Marker =
  { readonly kind: 'start' } | { readonly kind: 'ready' } | { readonly kind: 'exit'; readonly code: number };

/** Longer than any marker; what is older than this within one line cannot belong to one that is still incomplete. */
const longestTail = 128;

/** Whether a text can be an attempt's nonce: nothing else is ever made part of a pattern. */
export function isNonce(text: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(text);
}

export class MarkerReader {
  readonly #pattern: RegExp;
  #tail = '';

  /** @param nonce hexadecimal, as in the attempt's user-data. */
  constructor(nonce: string) {
    if (!isNonce(nonce)) throw new RangeError(`nonce: "${nonce}" is not hexadecimal`);
    this.#pattern = new RegExp(`idlewild:${nonce}:(?:(start|ready)|exit:(\\d{1,3}))[\\r\\n]`, 'g');
  }

  /** The markers that became complete with this chunk, in order. */
  read(chunk: string): Marker[] {
    const text = this.#tail + chunk;
    const markers: Marker[] = [];
    let end = 0;
    for (const match of text.matchAll(this.#pattern)) {
      end = match.index + match[0].length;
      if (match[1] === 'start' || match[1] === 'ready') markers.push({ kind: match[1] });
      else markers.push({ kind: 'exit', code: Number(match[2]) });
    }
    this.#tail = text.slice(Math.max(end, text.length - longestTail));
    return markers;
  }
}
