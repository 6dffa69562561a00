// Numbers in the order of their last touch.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Recency } from './recency.ts';

describe('recency', () => {
  it('knows nothing before the first touch', () => {
    expect([...new Recency().since(0)]).toEqual([]);
    expect(new Recency().latest).toBe(0);
  });

  it('tells what was touched since any moment, each once, the newest first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(7), { maxLength: 40 }), fc.nat(40), (touched, moment) => {
        const recency = new Recency();
        for (const n of touched) recency.touch(n);
        const expected = [...new Set(touched.slice(moment).reverse())];
        expect([...recency.since(Math.min(moment, touched.length))]).toEqual(expected);
        expect(recency.latest).toBe(touched.length);
      }),
      { numRuns: 1_000 },
    );
  });
});
