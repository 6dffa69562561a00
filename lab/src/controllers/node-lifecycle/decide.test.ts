// Silence of nodes, the taints that follow from their conditions, and the pods that are no longer ready.
import { describe, expect, it } from '@jest/globals';
import { aNode, aPod } from '../../model/builders.ts';
import type { Condition } from '../../model/meta.ts';
import type { Node, NodeLease, Taint } from '../../model/node.ts';
import { correctedTaints, heartbeatOf, podsToMarkNotReady, silenceLeftMs, silentConditions } from './decide.ts';

const NOW = '2026-01-01T00:10:00Z';
const ready = (status: Condition['status'], lastTransitionTime = '2026-01-01T00:05:00Z'): Condition => ({
  type: 'Ready',
  status,
  lastTransitionTime,
});
const lease = (renewTime: string): NodeLease => ({ metadata: { name: 'a', uid: 'l' }, spec: { renewTime } });

describe('the silence of a node', () => {
  it('starts anew with each renewal and not with the same one again', () => {
    const node = aNode('a');
    const first = heartbeatOf(undefined, node, lease('1'), 1_000);
    const again = heartbeatOf(first, node, lease('1'), 9_000);
    expect(silenceLeftMs(again, 9_000, 50_000)).toBe(42_000);
    const renewed = heartbeatOf(again, node, lease('2'), 9_000);
    expect(silenceLeftMs(renewed, 9_000, 50_000)).toBe(50_000);
  });
  it('ends with a posted status too', () => {
    const first = heartbeatOf(undefined, aNode('a'), undefined, 0);
    const posted = aNode('a', { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: NOW }] });
    expect(heartbeatOf(first, posted, undefined, 7_000).seenMs).toBe(7_000);
  });
  it('is not inherited by another node of the same name', () => {
    const first = heartbeatOf(undefined, aNode('a'), lease('1'), 0);
    const other: Node = { ...aNode('a'), metadata: { name: 'a', uid: 'other' } };
    expect(heartbeatOf(first, other, lease('1'), 60_000).seenMs).toBe(60_000);
  });
});

describe('the conditions of a silent node', () => {
  it('turns what the kubelet said into Unknown and tells what it never said', () => {
    const node = aNode('a', { conditions: [ready('True'), { type: 'DiskPressure', status: 'False' }] });
    const stopped = { status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    const never = { status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
    expect(silentConditions(node, NOW)).toEqual([
      { type: 'Ready', ...stopped, lastTransitionTime: NOW },
      { type: 'MemoryPressure', ...never, lastHeartbeatTime: '2026-01-01T00:00:00Z', lastTransitionTime: NOW },
      { type: 'DiskPressure', ...stopped, lastTransitionTime: NOW },
      { type: 'PIDPressure', ...never, lastHeartbeatTime: '2026-01-01T00:00:00Z', lastTransitionTime: NOW },
    ]);
  });
  it('has nothing to add when all is Unknown', () => {
    const all = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
    const conditions = all.map((type): Condition => ({ type, status: 'Unknown' }));
    expect(silentConditions(aNode('a', { conditions }), NOW)).toEqual([]);
  });
});

describe('the taints of a node', () => {
  const K8S = 'node.kubernetes.io/';
  const foreign: Taint = { key: 'idlewild.dev/owner-present', effect: 'NoSchedule' };
  const taint = (name: string, effect: Taint['effect'] = 'NoSchedule'): Taint => ({ key: K8S + name, effect });
  it.each<[string, Node, string[] | undefined]>([
    ['a ready node has none', aNode('a'), undefined],
    [
      'a node that became ready loses those of its past',
      aNode('a', { taints: [taint('not-ready'), foreign] }),
      ['idlewild.dev/owner-present:NoSchedule'],
    ],
    [
      'an unready node is tainted both ways',
      aNode('a', { conditions: [ready('False')] }),
      [`${K8S}not-ready:NoSchedule`, `${K8S}not-ready:NoExecute`],
    ],
    [
      'an unknown node changes from not-ready to unreachable',
      aNode('a', { conditions: [ready('Unknown')], taints: [taint('not-ready'), taint('not-ready', 'NoExecute')] }),
      [`${K8S}unreachable:NoSchedule`, `${K8S}unreachable:NoExecute`],
    ],
    ['a cordoned node is tainted', aNode('a', { unschedulable: true }), [`${K8S}unschedulable:NoSchedule`]],
    [
      'a node that is right is left alone',
      aNode('a', { unschedulable: true, taints: [foreign, taint('unschedulable')] }),
      undefined,
    ],
    [
      'pressure keeps new pods away only',
      aNode('a', { conditions: [ready('True'), { type: 'DiskPressure', status: 'True' }] }),
      [`${K8S}disk-pressure:NoSchedule`],
    ],
    [
      'before the first status the taint of admission stays',
      aNode('a', { conditions: [], taints: [taint('not-ready')] }),
      undefined,
    ],
    [
      "the out-of-service taint is the admin's",
      aNode('a', { taints: [taint('out-of-service', 'NoExecute')] }),
      undefined,
    ],
  ])('%s', (_name, node, expected) => {
    expect(correctedTaints(node, NOW)?.map(({ key, effect }) => `${key}:${effect}`)).toEqual(expected);
  });
  it('records when a taint was added and keeps the time of one that stays', () => {
    const old: Taint = { ...taint('unreachable'), timeAdded: '2026-01-01T00:00:00Z' };
    expect(correctedTaints(aNode('a', { conditions: [ready('Unknown')], taints: [old] }), NOW)).toEqual([
      old,
      { ...taint('unreachable', 'NoExecute'), timeAdded: NOW },
    ]);
  });
});

describe('pods on a node that is not ready', () => {
  const pod = (name: string, since: string, status: Condition['status'] = 'True') =>
    aPod(
      name,
      { nodeName: 'a' },
      { status: { phase: 'Running', conditions: [{ type: 'Ready', status, lastTransitionTime: since }] } },
    );
  const early = pod('early', '2026-01-01T00:01:00Z');
  const late = pod('late', '2026-01-01T00:06:00Z');
  const unready = pod('unready', '2026-01-01T00:01:00Z', 'False');
  const done = aPod('done', {}, { status: { phase: 'Succeeded', conditions: early.status?.conditions ?? [] } });
  it.each<[string, Condition['status'], string[]]>([
    ['none is touched on a ready node', 'True', []],
    ['those that were ready before are marked', 'Unknown', ['early']],
    ['the same on a node that says it is not ready', 'False', ['early']],
  ])('%s', (_name, status, names) => {
    const marked = podsToMarkNotReady(aNode('a', { conditions: [ready(status)] }), [early, late, unready, done]);
    expect(marked.map(({ metadata }) => metadata.name)).toEqual(names);
  });
});
