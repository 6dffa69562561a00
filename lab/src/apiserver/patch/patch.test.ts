// The three patches that know nothing of ownership: merge, JSON and strategic merge.

import { describe, expect, it } from '@jest/globals';
import { ApiFailure } from '../errors/status.ts';
import type { Schema } from '../registry/types.ts';
import { jsonPatch } from './json.ts';
import { mergePatch } from './merge.ts';
import { strategicMergePatch } from './strategic.ts';

describe('a merge patch', () => {
  const cases: [string, unknown, unknown, unknown][] = [
    ['replaces a scalar', { a: 1 }, { a: 2 }, { a: 2 }],
    ['adds a nested member', { a: { b: 1 } }, { a: { c: 2 } }, { a: { b: 1, c: 2 } }],
    ['removes with null', { a: 1, b: 2 }, { a: null }, { b: 2 }],
    ['ignores null for what is not there', { b: 2 }, { a: null }, { b: 2 }],
    ['replaces a list whole', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ['turns a scalar into an object', { a: 1 }, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  ];
  it.each(cases)('%s', (_name, target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  it('leaves the target as it was', () => {
    const target = { a: { b: 1 } };
    mergePatch(target, { a: { b: 2 } });
    expect(target).toEqual({ a: { b: 1 } });
  });
});

describe('a JSON patch', () => {
  const cases: [string, unknown, unknown[], unknown][] = [
    [
      'replaces after a test',
      { a: 1 },
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'replace', path: '/a', value: 2 },
      ],
      { a: 2 },
    ],
    ['appends to a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['removes an item', { a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
    ['reads escaped slashes', { 'x/y': 1 }, [{ op: 'replace', path: '/x~1y', value: 2 }], { 'x/y': 2 }],
    [
      'moves and copies',
      { a: 1 },
      [
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'move', from: '/a', path: '/c' },
      ],
      { b: 1, c: 1 },
    ],
    ['replaces the whole document', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
  ];
  it.each(cases)('%s', (_name, target, patch, result) => {
    expect(jsonPatch(target, patch)).toEqual(result);
  });

  const rejected: [string, unknown, number][] = [
    ['a failed test', [{ op: 'test', path: '/a', value: 9 }], 422],
    ['a missing path', [{ op: 'remove', path: '/nope' }], 422],
    ['an unknown operation', [{ op: 'grow', path: '/a' }], 422],
    ['something that is no list', { op: 'test' }, 400],
  ];
  it.each(rejected)('is refused for %s', (_name, patch, code) => {
    const refusal = (): unknown => jsonPatch({ a: 1 }, patch);
    expect(refusal).toThrow(ApiFailure);
    expect(refusal).toThrow(expect.objectContaining({ code }));
  });
});

describe('a strategic merge patch', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      containers: {
        type: 'array',
        'x-kubernetes-patch-strategy': 'merge',
        'x-kubernetes-patch-merge-key': 'name',
        items: { type: 'object', properties: { args: { type: 'array', items: { type: 'string' } } } },
      },
      finalizers: { type: 'array', 'x-kubernetes-patch-strategy': 'merge', items: { type: 'string' } },
      taints: { type: 'array', items: { type: 'object' } },
      strategy: { type: 'object', 'x-kubernetes-patch-strategy': 'retainKeys' },
      selector: { type: 'object', 'x-kubernetes-patch-strategy': 'replace' },
    },
  };
  const a = { name: 'a', image: 'x', args: ['1', '2'] };
  const b = { name: 'b', image: 'y' };
  const cases: [string, unknown, unknown, unknown][] = [
    [
      'merges a list item by its key',
      { containers: [a, b] },
      { containers: [{ name: 'b', image: 'z' }] },
      { containers: [a, { name: 'b', image: 'z' }] },
    ],
    ['appends an unknown key', { containers: [a] }, { containers: [b] }, { containers: [a, b] }],
    [
      'replaces a list without a merge key',
      { taints: [{ key: 'a' }] },
      { taints: [{ key: 'b' }] },
      { taints: [{ key: 'b' }] },
    ],
    [
      'deletes an item with $patch',
      { containers: [a, b] },
      { containers: [{ name: 'a', $patch: 'delete' }] },
      { containers: [b] },
    ],
    [
      'replaces a merging list with $patch',
      { containers: [a] },
      { containers: [b, { $patch: 'replace' }] },
      { containers: [b] },
    ],
    [
      'replaces an object with $patch',
      { strategy: { x: 1 } },
      { strategy: { y: 2, $patch: 'replace' } },
      { strategy: { y: 2 } },
    ],
    [
      'keeps only the retained keys',
      { strategy: { x: 1, y: 1 } },
      { strategy: { $retainKeys: ['y'], y: 2 } },
      { strategy: { y: 2 } },
    ],
    [
      'replaces an object of the replace strategy',
      { selector: { a: 1 } },
      { selector: { b: 2 } },
      { selector: { b: 2 } },
    ],
    ['unites primitive lists', { finalizers: ['a'] }, { finalizers: ['b', 'a'] }, { finalizers: ['a', 'b'] }],
    [
      'drops primitives by directive',
      { finalizers: ['a', 'b'] },
      { '$deleteFromPrimitiveList/finalizers': ['a'] },
      { finalizers: ['b'] },
    ],
    [
      'orders items as told',
      { containers: [a, b] },
      { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
      { containers: [b, a] },
    ],
    ['removes a member with null', { strategy: { x: 1 }, taints: [] }, { strategy: null }, { taints: [] }],
    [
      'merges owner references by uid',
      { metadata: { ownerReferences: [{ uid: '1', name: 'a' }] } },
      { metadata: { ownerReferences: [{ uid: '1', name: 'b' }] } },
      { metadata: { ownerReferences: [{ uid: '1', name: 'b' }] } },
    ],
  ];
  it.each(cases)('%s', (_name, target, patch, result) => {
    expect(strategicMergePatch(target, patch, schema)).toEqual(result);
  });

  it('refuses an item without its merge key', () => {
    expect(() => strategicMergePatch({ containers: [a] }, { containers: [{ image: 'z' }] }, schema)).toThrow(
      'does not contain declared merge key: name',
    );
  });
});
