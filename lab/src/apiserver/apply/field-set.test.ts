// The trie form of field sets, which every write computes.
import { describe, expect, it } from '@jest/globals';
import { fieldSet, fromFieldsV1, sameFields, toFieldsV1 } from './field-set.ts';

describe('the trie form of a field set', () => {
  it('marks a path that ends where others go on, whatever sorts near it', () => {
    const set = fieldSet([['f:a'], ['f:a-b'], ['f:a', 'f:b'], ['f:a b'], ['k:{"type":"x"}', 'f:a'], ['f:b']]);
    expect(toFieldsV1(set)).toEqual({
      'f:a': { '.': {}, 'f:b': {} },
      'f:a b': {},
      'f:a-b': {},
      'f:b': {},
      'k:{"type":"x"}': { 'f:a': {} },
    });
    expect(sameFields(fromFieldsV1(toFieldsV1(set)), set)).toBe(true);
  });
});
