import { describe, expect, it } from '@jest/globals';
import { parseOptions } from '../options.ts';
import { parseRanges, usualRanges } from './ranges.ts';

describe('ranges of addresses', () => {
  it('are read of both families, with blanks between them', () => {
    expect(parseRanges('192.0.2.0/24, 2001:db8::/32,0.0.0.0/0')).toEqual([
      { cidr: '192.0.2.0/24', family: 4, bits: 24 },
      { cidr: '2001:db8::/32', family: 6, bits: 32 },
      { cidr: '0.0.0.0/0', family: 4, bits: 0 },
    ]);
  });

  it.each(['', '10.0.0.0', '10.0.0.0/33', '2001:db8::/129', '10.0.0/8', 'lab/8', '10.0.0.0/8,', '10.0.0.0/8 fc00::/7'])(
    'are not read from "%s", and the flag is named',
    (text) => {
      expect(() => parseRanges(text)).toThrow(/is no range of addresses; allowed are such as/);
      expect(() => parseOptions(['--lan-ranges', text])).toThrow(/^--lan-ranges: /);
    },
  );

  it('are private, shared and link-local ones unless told', () => {
    expect(parseOptions([])['lan-ranges']).toEqual(parseRanges(usualRanges));
  });
});
