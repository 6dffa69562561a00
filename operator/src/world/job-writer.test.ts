// What is sent when a status changes.
import { describe, expect, it } from '@jest/globals';
import { difference } from './job-writer.ts';

describe('the merge patch between two objects', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['is nothing for equal ones', { a: 1, b: [{ c: 2 }] }, { a: 1, b: [{ c: 2 }] }, undefined],
    ['holds only what changed', { a: 1, b: { c: 1, d: 2 } }, { a: 1, b: { c: 3, d: 2 } }, { b: { c: 3 } }],
    ['takes out what is gone', { a: 1, b: 2 }, { b: 2 }, { a: null }],
    ['takes a field that is undefined for one that is gone', { a: 1 }, { a: undefined }, { a: null }],
    ['replaces lists whole', { a: [1, 2] }, { a: [1, 2, 3] }, { a: [1, 2, 3] }],
    ['adds what is new', {}, { a: { b: 1 } }, { a: { b: 1 } }],
  ])('%s', (_name, before, after, expected) => {
    expect(difference(before, after)).toEqual(expected);
  });
});
