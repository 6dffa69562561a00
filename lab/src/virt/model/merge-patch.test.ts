// The difference of two objects as a merge patch.
import { describe, expect, it } from '@jest/globals';
import { mergePatch, sameJson } from './merge-patch.ts';

describe('a merge patch', () => {
  it.each([
    ['nothing for the same object', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, undefined],
    ['only what changed, deep inside', { a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1, c: 4 }, d: 3 }, { a: { c: 4 } }],
    ['null for what is gone', { a: { b: 1, c: 2 } }, { a: { c: 2 } }, { a: { b: null } }],
    ['whole lists', { a: [1, 2] }, { a: [1] }, { a: [1] }],
    ['a whole object where there was none', {}, { a: { b: 1 } }, { a: { b: 1 } }],
    ['every field of an object that was emptied', { a: { b: 1 } }, { a: {} }, { a: { b: null } }],
  ])('has %s', (_name, before, after, wanted) => expect(mergePatch(before, after)).toEqual(wanted));
  it('takes an absent field and undefined for the same', () => expect(sameJson({ a: undefined }, {})).toBe(true));
});
