// Ranges of addresses that isolated guests must not reach, as an admin writes them.
// Promises: pure; what is no range is refused with what is allowed.

import { BlockList, isIP } from 'node:net';
import type { Node } from '../api/kubernetes.ts';

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

/**
 * Addresses of the machine that no range holds, so that isolated guests take it for a part of the internet. One that answers
 * only to itself is none of them.
 */
export function uncoveredAddresses({ status }: Node, ranges: readonly AddressRange[]): readonly string[] {
  const covered = new BlockList();
  covered.addSubnet('127.0.0.0', 8, 'ipv4');
  covered.addAddress('::1', 'ipv6');
  for (const { cidr, bits, family } of ranges) {
    covered.addSubnet(cidr.slice(0, cidr.indexOf('/')), bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return (status?.addresses ?? []).flatMap(({ type, address }) => {
    const family = isIP(address);
    const counts = family !== 0 && (type === 'InternalIP' || type === 'ExternalIP');
    return counts && !covered.check(address, family === 4 ? 'ipv4' : 'ipv6') ? [address] : [];
  });
}
