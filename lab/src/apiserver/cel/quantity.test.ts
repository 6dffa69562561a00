import { describe, expect, it } from '@jest/globals';
import { parseQuantity } from './quantity.ts';

describe('quantities', () => {
  it.each<[string, bigint | undefined]>([
    ['1', 1_000_000_000n],
    ['1500m', 1_500_000_000n],
    ['1.5Gi', 1_610_612_736_000_000_000n],
    ['0.1', 100_000_000n],
    ['.5', 500_000_000n],
    ['1e3', 1_000_000_000_000n],
    ['1E', 1_000_000_000_000_000_000_000_000_000n],
    ['-2k', -2_000_000_000_000n],
    ['100n', 100n],
    ['', undefined],
    ['1 Gi', undefined],
    ['1gb', undefined],
    ['Gi', undefined],
  ])('%s', (text, nano) => expect(parseQuantity(text)?.nano).toBe(nano));
});
