// Which pod objects are removed without their kubelet.
import { describe, expect, it } from '@jest/globals';
import { aNode, aPod } from '../../model/builders.ts';
import type { Node } from '../../model/node.ts';
import type { Pod } from '../../model/pod.ts';
import { missingNodes, podsToCollect, type PodGcView } from './decide.ts';

const deleted = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } };
const outOfService = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' } as const;
const lost = aNode('lost', { taints: [outOfService], conditions: [{ type: 'Ready', status: 'Unknown' }] });
const recovered = aNode('recovered', { taints: [outOfService] });
const silent = aNode('silent', { conditions: [{ type: 'Ready', status: 'Unknown' }] });
const finished = (name: string, minute: number): Pod =>
  aPod(
    name,
    { nodeName: 'a' },
    { status: { phase: 'Succeeded' }, metadata: { creationTimestamp: `2026-01-01T00:0${minute}:00Z` } },
  );

function collected(pods: Pod[], nodes: Node[], view: Partial<PodGcView> = {}) {
  const missingSinceMs = new Map([['gone', 0]]);
  return podsToCollect({
    pods,
    nodes,
    missingSinceMs,
    monotonicMs: 40_000,
    quarantineMs: 40_000,
    finishedLimit: 100,
    ...view,
  }).map(({ pod, reason }) => `${pod.metadata.name} ${reason}`);
}

describe('which pods are collected', () => {
  it.each<[string, string[], string[]]>([
    ['a running pod stays', collected([aPod('p', { nodeName: 'a' })], [aNode('a')]), []],
    ['a terminating pod on a silent node stays', collected([aPod('p', { nodeName: 'silent' }, deleted)], [silent]), []],
    [
      'a terminating pod on an out-of-service node goes',
      collected([aPod('p', { nodeName: 'lost' }, deleted)], [lost]),
      ['p OutOfService'],
    ],
    ['a pod that nobody deleted stays there', collected([aPod('p', { nodeName: 'lost' })], [lost]), []],
    ['a node that is back keeps its pods', collected([aPod('p', { nodeName: 'recovered' }, deleted)], [recovered]), []],
    ['a pod of a node that is gone goes', collected([aPod('p', { nodeName: 'gone' })], []), ['p NodeGone']],
    [
      'not before the quarantine is over',
      collected([aPod('p', { nodeName: 'gone' })], [], { monotonicMs: 39_999 }),
      [],
    ],
    ['not if the node came back', collected([aPod('p', { nodeName: 'gone' })], [aNode('gone')]), []],
    ['a deleted pod that was never placed goes', collected([aPod('p', {}, deleted)], []), ['p NeverScheduled']],
    ['a pod that waits for placement stays', collected([aPod('p')], []), []],
    [
      'the oldest finished pods over the limit go',
      collected([finished('new', 3), finished('old', 1), finished('mid', 2)], [aNode('a')], { finishedLimit: 1 }),
      ['old OverThreshold', 'mid OverThreshold'],
    ],
    ['no limit keeps all finished pods', collected([finished('old', 1)], [aNode('a')], { finishedLimit: 0 }), []],
  ])('%s', (_name, actual, expected) => {
    expect(actual).toEqual(expected);
  });

  it('names the nodes that pods wait for in vain', () => {
    const pods = [aPod('p', { nodeName: 'gone' }), aPod('q', { nodeName: 'a' }), aPod('r')];
    expect([...missingNodes(pods, [aNode('a')])]).toEqual(['gone']);
  });
});
