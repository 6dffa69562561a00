// When a pod has to leave a tainted node.
import { describe, expect, it } from '@jest/globals';
import { aPod } from '../../model/builders.ts';
import type { Taint } from '../../model/node.ts';
import type { Pod, Toleration } from '../../model/pod.ts';
import { declaredStart, evictionDeadline } from './decide.ts';

const ADDED = Date.parse('2026-01-01T01:00:00Z');
const unreachable: Taint = { key: 'unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T01:00:00Z' };
const tolerating = (...tolerations: Toleration[]): Pod => aPod('p', { nodeName: 'a', tolerations });
const forSeconds = (tolerationSeconds: number, key = 'unreachable'): Toleration => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds,
});

describe('the time a pod has to leave', () => {
  it.each<[string, Pod, Taint[], number | undefined]>([
    ['never without taints', tolerating(), [], undefined],
    [
      'never because of a taint that only keeps new pods away',
      tolerating(),
      [{ ...unreachable, effect: 'NoSchedule' }],
      undefined,
    ],
    ['at once without a toleration', tolerating(), [unreachable], 0],
    [
      'never with a toleration without limit',
      tolerating({ key: 'unreachable', operator: 'Exists' }),
      [unreachable],
      undefined,
    ],
    ['after the tolerated time', tolerating(forSeconds(300)), [unreachable], ADDED + 300_000],
    ['at once when the tolerated time is zero', tolerating(forSeconds(0)), [unreachable], 0],
    [
      'after the shortest of several allowances',
      tolerating(forSeconds(300), forSeconds(5)),
      [unreachable],
      ADDED + 5_000,
    ],
    [
      'at once if one of two taints is not tolerated',
      tolerating(forSeconds(300)),
      [unreachable, { key: 'other', effect: 'NoExecute' }],
      0,
    ],
    [
      'after the earliest of two tolerated taints',
      tolerating(forSeconds(300), forSeconds(60, 'other')),
      [unreachable, { ...unreachable, key: 'other' }],
      ADDED + 60_000,
    ],
    [
      'counted from its own start when it came after the taint',
      aPod('p', { tolerations: [forSeconds(10)] }, { status: { startTime: '2026-01-01T02:00:00Z' } }),
      [unreachable],
      Date.parse('2026-01-01T02:00:10Z'),
    ],
    [
      'never when it is going already',
      aPod('p', {}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
      [unreachable],
      undefined,
    ],
    ['never when it has finished', aPod('p', {}, { status: { phase: 'Failed' } }), [unreachable], undefined],
  ])('is %s', (_name, pod, taints, deadline) => {
    expect(evictionDeadline(pod, taints, (taint) => declaredStart(taint) ?? 0)).toBe(deadline);
  });

  it('counts from when the taint was first seen if it carries no time', () => {
    const { timeAdded: _none, ...undated } = unreachable;
    expect(declaredStart(undated)).toBeUndefined();
    expect(evictionDeadline(tolerating(forSeconds(10)), [undated], () => ADDED + 1_000)).toBe(ADDED + 11_000);
  });
});
