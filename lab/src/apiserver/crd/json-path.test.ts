import { describe, expect, it } from '@jest/globals';
import { findByJsonPath, parseJsonPath } from './json-path.ts';

const object = {
  metadata: { labels: { 'example.dev/role': 'x' } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Lost', status: 'False' },
    ],
    counts: { a: 1, b: 2 },
  },
};

describe('JSON paths', () => {
  it.each<[string, unknown[]]>([
    ['.status.counts.a', [1]],
    ['status.counts.b', [2]],
    ['{.status.counts.a}', [1]],
    ['.status.conditions[0].type', ['Ready']],
    ['.status.conditions[-1].type', ['Lost']],
    ['.status.conditions[*].type', ['Ready', 'Lost']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type=='Lost')].status", ['False']],
    [".metadata.labels['example.dev/role']", ['x']],
    ['.metadata.labels.example\\.dev/role', []],
    ['.nothing.here', []],
  ])('%s', (path, expected) => expect(findByJsonPath(path, object)).toEqual(expected));

  it('cannot read a path with an open bracket', () => {
    expect(parseJsonPath('.status[')).toBeUndefined();
  });
});
