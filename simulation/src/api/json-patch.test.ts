// RFC 6902 on frozen values.
import { describe, expect, it } from '@jest/globals';
import { jsonPatch, PatchFailed } from './json-patch.ts';

const before = Object.freeze({ a: { b: 1 }, list: Object.freeze(['x', 'y']), 'a/b~c': 'odd' });

describe('a JSON patch', () => {
  it.each<[string, object, object]>([
    ['adds a member', { op: 'add', path: '/a/c', value: 2 }, { ...before, a: { b: 1, c: 2 } }],
    ['replaces one', { op: 'replace', path: '/a/b', value: 2 }, { ...before, a: { b: 2 } }],
    ['removes one', { op: 'remove', path: '/a/b' }, { ...before, a: {} }],
    ['adds at the end of a list', { op: 'add', path: '/list/-', value: 'z' }, { ...before, list: ['x', 'y', 'z'] }],
    ['adds within a list', { op: 'add', path: '/list/1', value: 'z' }, { ...before, list: ['x', 'z', 'y'] }],
    ['replaces an item', { op: 'replace', path: '/list/1', value: 'z' }, { ...before, list: ['x', 'z'] }],
    ['removes an item', { op: 'remove', path: '/list/0' }, { ...before, list: ['y'] }],
    ['moves', { op: 'move', from: '/a/b', path: '/d' }, { ...before, a: {}, d: 1 }],
    ['copies', { op: 'copy', from: '/a', path: '/d' }, { ...before, d: { b: 1 } }],
    ['tests', { op: 'test', path: '/a', value: { b: 1 } }, before],
    ['reads escaped names', { op: 'replace', path: '/a~1b~0c', value: 'even' }, { ...before, 'a/b~c': 'even' }],
    ['replaces everything', { op: 'replace', path: '', value: { z: 1 } }, { z: 1 }],
  ])('%s', (_name, operation, after) => {
    expect(jsonPatch(before, [operation])).toEqual(after);
    expect(before).toEqual({ a: { b: 1 }, list: ['x', 'y'], 'a/b~c': 'odd' });
  });

  it.each<[string, object]>([
    ['a test that does not hold', { op: 'test', path: '/a/b', value: 2 }],
    ['a replacement of nothing', { op: 'replace', path: '/a/c', value: 2 }],
    ['a removal of nothing', { op: 'remove', path: '/c' }],
    ['a place beyond the end of a list', { op: 'add', path: '/list/3', value: 'z' }],
    ['a path through something that has no members', { op: 'add', path: '/a/b/c', value: 1 }],
    ['an operation that there is not', { op: 'rename', path: '/a' }],
  ])('refuses %s, with everything before it', (_name, operation) => {
    const first = { op: 'add', path: '/first', value: 1 };
    expect(() => jsonPatch(before, [first, operation])).toThrow(PatchFailed);
  });
});
