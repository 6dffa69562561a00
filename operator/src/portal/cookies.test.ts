import { describe, expect, it } from '@jest/globals';
import { joinCookie, splitCookie } from './cookies.ts';

const kind = { name: 'idlewild', attributes: ['Path=/'] };
/** What a browser sends after it was told so. */
const sent = (headers: readonly string[]): string =>
  headers
    .filter((header) => !header.includes('01 Jan 1970'))
    .map((header) => header.split(';')[0])
    .join('; ');
const until = Date.UTC(2030, 0, 1);

describe('a cookie', () => {
  it.each([1, 3_800, 3_801, 9_000, 15_200])(
    'of %i characters comes back whole, in parts that a browser keeps',
    (length) => {
      const value = 'e'.repeat(length - 1) + 'z';
      const headers = splitCookie(kind, value, until)!;
      for (const header of headers) expect(header.length).toBeLessThanOrEqual(4_096);
      expect(joinCookie('idlewild', `other=1; ${sent(headers)}`)).toBe(value);
    },
  );

  it('that is too long for all parts is none', () => {
    expect(splitCookie(kind, 'e'.repeat(15_201), until)).toBeUndefined();
  });

  it('lacks nothing when a shorter one follows a longer one', () => {
    const parts = splitCookie(kind, 'short', until)!;
    expect(parts.slice(1).every((header) => header.includes('Expires=Thu, 01 Jan 1970'))).toBe(true);
    expect(joinCookie('idlewild', 'idlewild=short; idlewild.1=left')).toBe('short');
  });

  it.each([undefined, '', 'idlewild=', 'other=x', 'idlewild=2.abc', 'idlewild=9.abc'])(
    'that is not all there is none: %s',
    (header) => {
      expect(joinCookie('idlewild', header)).toBeUndefined();
    },
  );
});
