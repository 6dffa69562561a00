// Placement: which node a pod gets and in which words it is told that there is none.
import { describe, expect, it } from '@jest/globals';
import { aNode, aPod, asking } from '../model/builders.ts';
import type { Node } from '../model/node.ts';
import type { NodeSelectorRequirement, Pod } from '../model/pod.ts';
import { awaitsPlacement, placePod } from './decide.ts';
import { takeSnapshot, type Assumption } from './snapshot.ts';

function place(pod: Pod, nodes: readonly Node[], pods: readonly Pod[] = [], assumed: readonly Assumption[] = []) {
  const placement = placePod(pod, takeSnapshot({ nodes, pods, assumed }));
  return placement.kind === 'bind' ? placement.nodeName : placement.message;
}

const requiring = (...matchExpressions: NodeSelectorRequirement[]) => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } },
  },
});

const NOT_HELPFUL = (n: number) =>
  `no new claims to deallocate, preemption: 0/${n} nodes are available: ${n} Preemption is not helpful for scheduling.`;

describe('which pods the scheduler takes', () => {
  it.each<[string, Pod, boolean]>([
    ['a new pod waits for placement', aPod('p'), true],
    ['a bound pod does not', aPod('p', { nodeName: 'a' }), false],
    ['a pod of another scheduler does not', aPod('p', { schedulerName: 'mine' }), false],
    ['a pod with a scheduling gate does not', aPod('p', { schedulingGates: [{ name: 'g' }] }), false],
    ['a pod whose gates are gone does', aPod('p', { schedulingGates: [] }), true],
    ['a deleted pod does not', aPod('p', {}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), false],
    ['a failed pod does not', aPod('p', {}, { status: { phase: 'Failed' } }), false],
  ])('%s', (_name, pod, expected) => {
    expect(awaitsPlacement(pod)).toBe(expected);
  });
});

describe('which node is chosen', () => {
  const small = aNode('a', { allocatable: { memory: '1Gi' } });
  const soft = { key: 'busy', effect: 'PreferNoSchedule' } as const;
  const preferring = (weight: number, value: string) => ({
    weight,
    preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: [value] }] },
  });
  it.each<[string, Pod, Node[], Pod[], string]>([
    ['the only node that fits gets the pod', aPod('p', asking({ memory: '2Gi' })), [small, aNode('b')], [], 'b'],
    ['a tie goes to the first name whatever the order', aPod('p'), [aNode('c'), aNode('b')], [], 'b'],
    [
      'the emptiest node wins without preferences',
      aPod('p', asking({ cpu: '1' })),
      [aNode('a'), aNode('b')],
      [aPod('q', { nodeName: 'a', ...asking({ cpu: '1', memory: '1Gi' }) })],
      'b',
    ],
    [
      'preferred affinity weighs more than free room',
      aPod('p', {
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferring(1, 'a')] } },
      }),
      [aNode('a'), aNode('b')],
      [aPod('q', { nodeName: 'a', ...asking({ cpu: '2', memory: '2Gi' }) })],
      'a',
    ],
    [
      'the larger sum of preferences wins',
      aPod('p', {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              preferring(50, 'a'),
              preferring(30, 'b'),
              preferring(30, 'b'),
            ],
          },
        },
      }),
      [aNode('a'), aNode('b')],
      [],
      'b',
    ],
    ['a soft taint is avoided', aPod('p'), [aNode('a', { taints: [soft] }), aNode('b')], [], 'b'],
    ['a soft taint does not forbid', aPod('p'), [aNode('a', { taints: [soft] })], [], 'a'],
    [
      'a tolerated taint does not forbid',
      aPod('p', { tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }] }),
      [aNode('a', { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] })],
      [],
      'a',
    ],
    [
      'the cordon is tolerated by one who asks for it',
      aPod('p', { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] }),
      [
        aNode('a', {
          unschedulable: true,
          taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
        }),
      ],
      [],
      'a',
    ],
    [
      'a finished pod holds nothing',
      aPod('p', asking({ memory: '3Gi' })),
      [aNode('a')],
      [aPod('q', { nodeName: 'a', ...asking({ memory: '2Gi' }) }, { status: { phase: 'Succeeded' } })],
      'a',
    ],
    [
      'an extended resource is found where it is',
      aPod('p', asking({ 'devices.kubevirt.io/kvm': '1' })),
      [aNode('a'), aNode('b', { allocatable: { 'devices.kubevirt.io/kvm': '1k' } })],
      [],
      'b',
    ],
    [
      'matchFields can name the node',
      aPod('p', {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
            },
          },
        },
      }),
      [aNode('a'), aNode('b')],
      [],
      'b',
    ],
  ])('%s', (_name, pod, nodes, pods, expected) => {
    expect(place(pod, nodes, pods)).toBe(expected);
  });

  it('counts a binding that was just sent as taken', () => {
    const taken = { pod: aPod('q', asking({ memory: '2Gi' })), nodeName: 'a' };
    expect(place(aPod('p', asking({ memory: '2Gi' })), [aNode('a'), aNode('b')], [], [taken])).toBe('b');
  });

  it('counts a pod once that is both assumed and shown', () => {
    const shown = aPod('q', { nodeName: 'a', ...asking({ memory: '1Gi' }) });
    expect(place(aPod('p', asking({ memory: '2Gi' })), [aNode('a')], [shown], [{ pod: shown, nodeName: 'a' }])).toBe(
      'a',
    );
  });
});

describe('node affinity operators', () => {
  const node = aNode('a', { labels: { room: 'lab-a', cores: '8' } });
  it.each<[NodeSelectorRequirement, boolean]>([
    [{ key: 'room', operator: 'In', values: ['lab-a', 'lab-b'] }, true],
    [{ key: 'room', operator: 'In', values: ['lab-b'] }, false],
    [{ key: 'room', operator: 'NotIn', values: ['lab-b'] }, true],
    [{ key: 'room', operator: 'NotIn', values: ['lab-a'] }, false],
    [{ key: 'missing', operator: 'NotIn', values: ['x'] }, true],
    [{ key: 'room', operator: 'Exists' }, true],
    [{ key: 'missing', operator: 'Exists' }, false],
    [{ key: 'missing', operator: 'DoesNotExist' }, true],
    [{ key: 'room', operator: 'DoesNotExist' }, false],
    [{ key: 'cores', operator: 'Gt', values: ['4'] }, true],
    [{ key: 'cores', operator: 'Gt', values: ['8'] }, false],
    [{ key: 'cores', operator: 'Lt', values: ['9'] }, true],
    [{ key: 'room', operator: 'Gt', values: ['1'] }, false],
    [{ key: 'missing', operator: 'Lt', values: ['1'] }, false],
  ])('%j is %s', (requirement, fits) => {
    expect(place(aPod('p', requiring(requirement)), [node]) === 'a').toBe(fits);
  });

  it('takes terms as alternatives and expressions of one term together', () => {
    const hasRoom = { key: 'room', operator: 'Exists' } as const;
    const wrongCores = { key: 'cores', operator: 'In', values: ['2'] } as const;
    const nodeSelectorTerms = [{ matchExpressions: [hasRoom, wrongCores] }, { matchExpressions: [hasRoom] }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
    expect(place(aPod('p', { affinity: { nodeAffinity: required } }), [node])).toBe('a');
    expect(place(aPod('p', requiring(hasRoom, wrongCores)), [node])).not.toBe('a');
  });

  it('lets an empty term match nothing', () => {
    expect(place(aPod('p', requiring()), [node])).not.toBe('a');
  });
});

describe('pod affinity and anti-affinity', () => {
  const zoned = (name: string, zone: string) => aNode(name, { labels: { zone } });
  const nodes = [zoned('a1', 'a'), zoned('a2', 'a'), zoned('b1', 'b')];
  const db = aPod('db', { nodeName: 'a1' }, { metadata: { labels: { app: 'db' } } });
  const term = (topologyKey: string, app: string) => ({ topologyKey, labelSelector: { matchLabels: { app } } });
  const near = (app: string) => ({
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', app)] },
  });
  const apart = (app: string, key = 'zone') => ({
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(key, app)] },
  });

  it('keeps a pod away from a whole topology domain', () => {
    expect(place(aPod('p', { affinity: apart('db') }), nodes, [db])).toBe('b1');
  });
  it('keeps a pod away from one host only', () => {
    expect(place(aPod('p', { affinity: apart('db', 'kubernetes.io/hostname') }), nodes, [db])).toBe('a2');
  });
  it('brings a pod into the domain of its mate', () => {
    expect(['a1', 'a2']).toContain(place(aPod('p', { affinity: near('db') }), nodes, [db]));
  });
  it('looks at pods of its own namespace only', () => {
    const other = aPod('db', { nodeName: 'a1' }, { metadata: { namespace: 'else', labels: { app: 'db' } } });
    expect(place(aPod('p', { affinity: near('db') }), nodes, [other])).toContain(
      "3 node(s) didn't match pod affinity rules",
    );
  });
  it('lets the first of a group start anywhere', () => {
    expect(place(aPod('p', { affinity: near('db') }, { metadata: { labels: { app: 'db' } } }), nodes)).toBe('a1');
  });
  it('respects the anti-affinity of pods that are already there', () => {
    const shy = aPod('shy', { nodeName: 'a1', affinity: apart('loud') });
    const loud = aPod('p', {}, { metadata: { labels: { app: 'loud' } } });
    expect(place(loud, nodes, [shy])).toBe('b1');
    expect(place(loud, nodes.slice(0, 2), [shy])).toBe(
      "0/2 nodes are available: 2 node(s) didn't satisfy existing pods anti-affinity rules. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
    );
  });
  it('prefers the neighbourhood of a preferred mate', () => {
    const preferred = [{ weight: 10, podAffinityTerm: term('kubernetes.io/hostname', 'db') }];
    const affinity = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
    expect(place(aPod('p', { affinity }), [zoned('a0', 'a'), ...nodes], [db])).toBe('a1');
  });
});

describe('what a pod that cannot be placed is told', () => {
  const tainted = aNode('t', { taints: [{ key: 'k', effect: 'NoSchedule' }] });
  it.each<[string, Pod, Node[], Pod[], string]>([
    ['there may be no nodes at all', aPod('p'), [], [], 'no nodes available to schedule pods'],
    [
      'reasons are counted over nodes and sorted as text',
      aPod('p', { nodeSelector: { room: 'x' } }),
      [tainted, aNode('a'), aNode('b')],
      [],
      `0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. ${NOT_HELPFUL(3)}`,
    ],
    [
      'a cordoned node speaks before its taint',
      aPod('p'),
      [
        aNode('a', {
          unschedulable: true,
          taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
        }),
      ],
      [],
      `0/1 nodes are available: 1 node(s) were unschedulable. ${NOT_HELPFUL(1)}`,
    ],
    [
      'each resource that is short counts',
      aPod('p', asking({ cpu: '5', memory: '4Gi' })),
      [aNode('a')],
      [],
      `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. ${NOT_HELPFUL(1)}`,
    ],
    [
      'room that others hold could have been freed',
      aPod('p', asking({ memory: '2Gi' })),
      [aNode('a'), tainted],
      [aPod('q', { nodeName: 'a', ...asking({ memory: '2Gi' }) })],
      '0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
    ],
    [
      'the number of pods counts',
      aPod('p'),
      [aNode('a', { allocatable: { pods: '1' } })],
      [aPod('q', { nodeName: 'a' })],
      '0/1 nodes are available: 1 Too many pods. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    ],
  ])('%s', (_name, pod, nodes, pods, expected) => {
    expect(place(pod, nodes, pods)).toBe(expected);
  });
});
