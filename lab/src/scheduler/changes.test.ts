// Which changes wake the pods that wait for room.
import { describe, expect, it } from '@jest/globals';
import { aNode, aPod } from '../model/builders.ts';
import { nodeMatters, podMatters } from './changes.ts';

describe('changes of a node', () => {
  const before = aNode('a');
  it.each([
    [
      'a heartbeat does not matter',
      aNode('a', { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:10Z' }] }),
      false,
    ],
    ['a label matters', aNode('a', { labels: { room: 'x' } }), true],
    ['a taint matters', aNode('a', { taints: [{ key: 'k', effect: 'NoSchedule' }] }), true],
    ['more memory matters', aNode('a', { allocatable: { memory: '4Gi' } }), true],
  ])('%s', (_name, object, matters) => {
    expect(nodeMatters({ type: 'updated', object, previous: before })).toBe(matters);
  });
  it('a new node matters', () => {
    expect(nodeMatters({ type: 'added', object: before })).toBe(true);
  });
});

describe('changes of a pod', () => {
  const bound = aPod('p', { nodeName: 'a' });
  it.each([
    ['a waiting pod frees nothing', { type: 'deleted' as const, object: aPod('p') }, false],
    ['a bound pod that goes frees room', { type: 'deleted' as const, object: bound }, true],
    ['a binding may complete an affinity', { type: 'updated' as const, object: bound, previous: aPod('p') }, true],
    [
      'a pod that finishes frees room',
      {
        type: 'updated' as const,
        object: aPod('p', { nodeName: 'a' }, { status: { phase: 'Failed' } }),
        previous: bound,
      },
      true,
    ],
    [
      'a status without an end does not matter',
      {
        type: 'updated' as const,
        object: aPod('p', { nodeName: 'a' }, { status: { phase: 'Running' } }),
        previous: bound,
      },
      false,
    ],
  ])('%s', (_name, change, matters) => {
    expect(podMatters(change)).toBe(matters);
  });
});
