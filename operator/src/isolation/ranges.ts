// Ranges of addresses that isolated guests must not reach, as an admin writes them.
// Promises: pure; what is no range is refused with what is allowed.

import { isIP } from 'node:net';

export interface AddressRange {
  readonly cidr: string;
  readonly family: 4 | 6;
  /** Length of the prefix; 0 is every address of the family. */
  readonly bits: number;
}

/** Private use (RFC 1918), shared by carriers (RFC 6598), link-local, and their counterparts of IPv6 (RFC 4193, 4291). */
export const usualRanges = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['fc00::/7', 'fe80::/10'],
].join(',');

/** Throws TypeError at the first that is no range. */
export function parseRanges(text: string): readonly AddressRange[] {
  return text.split(',').map((each) => {
    const cidr = each.trim();
    const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(cidr) ?? [];
    const family = isIP(address);
    const bits = Number(length);
    if ((family !== 4 && family !== 6) || bits > (family === 4 ? 32 : 128)) {
      throw new TypeError(
        `"${cidr}" is no range of addresses; allowed are such as 10.0.0.0/8 or fc00::/7, with commas`,
      );
    }
    return { cidr, family, bits };
  });
}
