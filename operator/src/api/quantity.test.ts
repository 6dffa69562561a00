// What counts as a quantity, and how much it is.
import { describe, expect, it } from '@jest/globals';
import {
  formatMemoryMi,
  formatMillis,
  parseQuantity,
  quantityToBytes,
  quantityToMebibytes,
  quantityToMillis,
  quantityToNumber,
} from './quantity.ts';

describe('a quantity', () => {
  it.each<[string | number, bigint]>([
    ['0', 0n],
    ['1', 1_000_000_000n],
    [1, 1_000_000_000n],
    [0.5, 500_000_000n],
    [128974848, 128_974_848_000_000_000n],
    ['128974848', 128_974_848_000_000_000n],
    ['1500m', 1_500_000_000n],
    ['1.5', 1_500_000_000n],
    ['.5', 500_000_000n],
    ['5.', 5_000_000_000n],
    ['+2', 2_000_000_000n],
    ['-2', -2_000_000_000n],
    ['100u', 100_000n],
    ['7n', 7n],
    ['1e3', 1_000_000_000_000n],
    ['1E3', 1_000_000_000_000n],
    ['12e-1', 1_200_000_000n],
    ['1e+3', 1_000_000_000_000n],
    // However long, as CEL's isQuantity lets it pass; of what is left over beyond 32 bits too.
    ['1e0009', 10n ** 18n],
    ['1e4294967305', 10n ** 18n],
    ['1e1234', 10n ** 109n],
    ['1e-1234', 1n],
    ['1E', 10n ** 27n],
    ['2k', 2_000_000_000_000n],
    ['1.5Gi', 1_610_612_736_000_000_000n],
    ['1Ki', 1_024_000_000_000n],
    ['1Ei', 2n ** 60n * 10n ** 9n],
    // Finer than a nano is rounded up, away from zero.
    ['0.5n', 1n],
    ['-0.5n', -1n],
  ])('reads %p as %p nano units', (text, nanos) => {
    expect(parseQuantity(text)).toBe(nanos);
  });

  it.each(['', ' 1', '1 Gi', 'Gi', '1gi', '1KI', '1.2.3', '--1', '1e', 'NaN', '0x10', '1Gi ', '.', '1e1.5'])(
    'refuses %p and repeats it in the message',
    (text) => {
      expect(() => parseQuantity(text)).toThrow(`quantity: "${text}"`);
    },
  );

  it('adds up without drift', () => {
    const tenth = parseQuantity('0.1');
    expect(tenth + tenth + tenth).toBe(parseQuantity('0.3'));
  });

  it.each<[string | number, number, number, number]>([
    ['1.5Gi', 1_610_612_736, 1_610_612_736, 1536],
    ['2Gi', 2_147_483_648, 2_147_483_648, 2048],
    ['100m', 0.1, 1, 1],
    ['2000M', 2_000_000_000, 2_000_000_000, 1908],
    [4096, 4096, 4096, 1],
  ])('gives %p as %p units, %p whole bytes and %p MiB, rounded up', (text, units, bytes, mebibytes) => {
    expect(quantityToNumber(text)).toBeCloseTo(units, 9);
    expect(quantityToBytes(text)).toBe(bytes);
    expect(quantityToMebibytes(text)).toBe(mebibytes);
  });

  it.each<[string, number]>([
    ['2', 2000],
    ['1500m', 1500],
    ['0.0001', 1],
    ['-1500u', -2],
  ])('gives %p as %p thousandths', (text, millis) => {
    expect(quantityToMillis(text)).toBe(millis);
  });

  it('is written so that it reads back as the same', () => {
    expect(formatMemoryMi(2048)).toBe('2048Mi');
    expect(quantityToMebibytes(formatMemoryMi(2048))).toBe(2048);
    expect(formatMillis(2000)).toBe('2');
    expect(formatMillis(1500)).toBe('1500m');
    expect(() => formatMemoryMi(1.5)).toThrow('mib: must be a whole number');
  });
});
