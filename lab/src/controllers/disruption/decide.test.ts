// How many disruptions a budget allows.
import { describe, expect, it } from '@jest/globals';
import { aPod } from '../../model/builders.ts';
import type { Pod } from '../../model/pod.ts';
import { budgetStatus, type DisruptionBudget } from './decide.ts';

const NOW = { ms: Date.parse('2026-01-01T00:10:00Z'), text: '2026-01-01T00:10:00Z' };
const RECENT = '2026-01-01T00:09:30Z';
const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' as const }] };
const owned = { ownerReferences: [{ apiVersion: 'v1', kind: 'A', name: 'a', uid: 'a', controller: true }] };
const healthy = (name: string): Pod => aPod(name, {}, { metadata: owned, status: ready });
const going = aPod('going', {}, { metadata: { ...owned, deletionTimestamp: RECENT }, status: ready });
const unready = aPod('unready', {}, { metadata: owned, status: { phase: 'Running' } });
const finished = aPod('finished', {}, { metadata: owned, status: { phase: 'Succeeded' } });
const bare = aPod('bare', {}, { status: ready });

function budget(spec: DisruptionBudget['spec'], disruptedPods?: Record<string, string>): DisruptionBudget {
  const status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  return {
    metadata: { name: 'b', uid: 'b', generation: 3 },
    spec: spec ?? {},
    status: disruptedPods ? { ...status, disruptedPods } : status,
  };
}

describe('the status of a budget', () => {
  it.each<[string, DisruptionBudget, Pod[], [allowed: number, healthy: number, desired: number, expected: number]]>([
    ['one of one must stay', budget({ minAvailable: 1 }), [bare], [0, 1, 1, 1]],
    ['one of two may go', budget({ minAvailable: 1 }), [healthy('a'), healthy('b')], [1, 2, 1, 2]],
    ['a pod that is going is not healthy', budget({ minAvailable: 1 }), [healthy('a'), going], [0, 1, 1, 2]],
    ['a pod that is not ready is not healthy', budget({ minAvailable: 1 }), [healthy('a'), unready], [0, 1, 1, 2]],
    ['a finished pod does not count', budget({ minAvailable: 0 }), [healthy('a'), finished], [1, 1, 0, 1]],
    [
      'a share is rounded up',
      budget({ minAvailable: '50%' }),
      [healthy('a'), healthy('b'), healthy('c')],
      [1, 3, 2, 3],
    ],
    ['one may be unavailable', budget({ maxUnavailable: 1 }), [healthy('a'), healthy('b')], [1, 2, 1, 2]],
    ['an unready one uses that up', budget({ maxUnavailable: 1 }), [healthy('a'), unready], [0, 1, 1, 2]],
    ['nothing selected allows nothing', budget({ minAvailable: 0 }), [], [0, 0, 0, 0]],
    [
      'a pod just evicted does not count',
      budget({ minAvailable: 1 }, { a: RECENT }),
      [healthy('a'), healthy('b')],
      [0, 1, 1, 2],
    ],
    [
      'an eviction of long ago is forgotten',
      budget({ minAvailable: 1 }, { a: '2026-01-01T00:00:00Z' }),
      [healthy('a'), healthy('b')],
      [1, 2, 1, 2],
    ],
  ])('%s', (_name, subject, pods, [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods]) => {
    expect(budgetStatus(subject, pods, NOW)).toMatchObject({
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      observedGeneration: 3,
      conditions: [{ type: 'DisruptionAllowed', status: disruptionsAllowed > 0 ? 'True' : 'False' }],
    });
  });
});
