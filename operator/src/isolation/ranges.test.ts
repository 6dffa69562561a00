import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../kube/clock.ts';
import { parseOptions } from '../options.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { Isolation } from './reconcile.ts';
import { parseRanges, uncoveredAddresses, usualRanges } from './ranges.ts';

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

describe('the addresses of a machine', () => {
  const uncovered = (addresses: { type: string; address: string }[], ranges = usualRanges) => {
    const node = aMachine('pc-1');
    return uncoveredAddresses({ ...node, status: { ...node.status, addresses } }, parseRanges(ranges));
  };
  const internal = (address: string) => ({ type: 'InternalIP', address });

  it.each<[string, string, readonly string[]]>([
    ['a private one', '192.168.1.7', []],
    ['a unique local one', 'fd00::7', []],
    ['a loopback', '127.0.0.1', []],
    ['the loopback of IPv6', '::1', []],
    ['a public one', '198.51.100.7', ['198.51.100.7']],
    ['a public one of IPv6', '2001:db8::7', ['2001:db8::7']],
  ])('of which isolated guests reach it, where it has %s', (_which, address, expected) => {
    expect(uncovered([internal(address)])).toEqual(expected);
  });

  it('count whether inside or outside, and names do not', () => {
    const addresses = [internal('10.0.0.7'), { type: 'ExternalIP', address: '198.51.100.7' }];
    expect(uncovered([...addresses, { type: 'Hostname', address: 'pc-1' }])).toEqual(['198.51.100.7']);
    expect(uncovered(addresses, '10.0.0.0/8,198.51.100.0/24')).toEqual([]);
  });

  it('are told of once, and again when they change', () => {
    const lines: unknown[] = [];
    const log = { warn: (facts: unknown) => void lines.push(facts) };
    const isolation = new Isolation({ log, clock: systemClock } as never, {
      ranges: parseRanges(usualRanges),
      onNews: () => undefined,
    });
    const saw = (...all: string[]): void => {
      const node = aMachine('pc-1');
      isolation.sawMachine({ ...node, status: { ...node.status, addresses: all.map(internal) } });
    };
    saw('192.168.1.7');
    saw('198.51.100.7');
    saw('198.51.100.7');
    saw('198.51.100.7', '203.0.113.7');
    const machine = 'pc-1';
    expect(lines).toEqual([
      { machine, addresses: ['198.51.100.7'] },
      { machine, addresses: ['198.51.100.7', '203.0.113.7'] },
    ]);
  });
});
