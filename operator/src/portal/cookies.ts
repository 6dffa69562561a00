// Values that are longer than a browser keeps in one cookie, as several.
// Promises: what was split joins to the same text; leftovers of a longer value before it do no harm; what does not fit is told at once.

/** Browsers keep 4096 bytes of a cookie, its name and attributes included. */
const longestPart = 3_800;
/** Of all cookies together, a server reads 32 KB at most with everything else. */
const mostParts = 4;

export interface CookieKind {
  readonly name: string;
  readonly attributes: readonly string[];
}

/**
 * @param untilMs when it ends, ms since the epoch.
 * @returns Set-Cookie headers, also those that remove parts which are no longer needed; undefined when it is too long.
 */
export function splitCookie({ name, attributes }: CookieKind, value: string, untilMs: number): string[] | undefined {
  const count = Math.max(1, Math.ceil(value.length / longestPart));
  if (count > mostParts) return undefined;
  // Sealed values begin with a letter, so that a digit says how many parts there are.
  const head = count === 1 ? '' : `${count}.`;
  return Array.from({ length: mostParts }, (_, index) => {
    const part = value.slice(index * longestPart, (index + 1) * longestPart);
    const ends = part === '' ? 0 : untilMs;
    const text = `${partName(name, index)}=${index === 0 ? head : ''}${part}`;
    return [text, ...attributes, `Expires=${new Date(ends).toUTCString()}`].join('; ');
  });
}

/** @param header of a request. Undefined when it is not there, or not all of it. */
export function joinCookie(name: string, header: string | undefined): string | undefined {
  const all = new Map<string, string>();
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0) all.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  const first = all.get(name);
  if (first === undefined || first === '') return undefined;
  const [, digits] = /^(\d)\./.exec(first) ?? [];
  if (digits === undefined) return first;
  const count = Number(digits);
  if (count > mostParts) return undefined;
  const parts = [
    first.slice(2),
    ...Array.from({ length: count - 1 }, (_, index) => all.get(partName(name, index + 1))),
  ];
  return parts.some((part) => part === undefined || part === '') ? undefined : parts.join('');
}

function partName(name: string, index: number): string {
  return index === 0 ? name : `${name}.${index}`;
}
