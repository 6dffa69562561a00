// Which priority counts, and what an admin's labels on a namespace mean.
import { describe, expect, it } from '@jest/globals';
import type { Namespace } from '../api/kubernetes.ts';
import { defaultPolicy, effectivePriority, policyOf, type Priority } from './priority.ts';

const namespace = (labels: Record<string, string>): Namespace => ({ metadata: { name: 'team', labels } });

describe('the policy of a namespace', () => {
  it('is weight 1 and every priority unless an admin says otherwise', () => {
    expect(policyOf(undefined)).toEqual({ policy: { weight: 1, ceiling: 'Urgent' }, complaints: [] });
    expect(policyOf(namespace({}))).toEqual({ policy: defaultPolicy, complaints: [] });
  });

  it('is read from its labels', () => {
    const own = namespace({ 'idlewild.dev/weight': '40', 'idlewild.dev/max-priority': 'Normal' });
    expect(policyOf(own)).toEqual({ policy: { weight: 40, ceiling: 'Normal' }, complaints: [] });
  });

  it.each(['0', '1001', '-3', '1.5', '1e3', '', 'heavy', '99999999999999999999'])(
    'keeps weight 1 and complains when the label says "%s"',
    (text) => {
      const { policy, complaints } = policyOf(namespace({ 'idlewild.dev/weight': text }));
      expect(policy.weight).toBe(1);
      expect(complaints).toEqual([expect.stringContaining('idlewild.dev/weight')]);
    },
  );

  it('ignores a highest priority that is none, and complains', () => {
    const { policy, complaints } = policyOf(namespace({ 'idlewild.dev/max-priority': 'high' }));
    expect(policy.ceiling).toBe('Urgent');
    expect(complaints).toEqual(['label idlewild.dev/max-priority: "high" is none of Low, Normal, High, Urgent']);
  });
});

describe('the effective priority', () => {
  it.each<[Priority | undefined, Priority, Priority, number, string | undefined]>([
    ['Normal', 'Urgent', 'Urgent', 1, undefined],
    [undefined, 'Urgent', 'Urgent', 1, undefined],
    ['Urgent', 'Urgent', 'Urgent', 3, undefined],
    ['Urgent', 'High', 'Urgent', 2, 'served with priority High, the highest that its namespace allows'],
    ['Urgent', 'Urgent', 'Normal', 1, 'served with priority Normal, the highest that this pool allows'],
    ['Normal', 'Low', 'Urgent', 0, 'served with priority Low, the highest that its namespace allows'],
    ['Low', 'Normal', 'Normal', 0, undefined],
  ])('of %s under a ceiling of %s and of %s for all is %i', (asked, ceiling, highest, rank, lowered) => {
    expect(effectivePriority(asked, { weight: 1, ceiling }, highest)).toEqual(lowered ? { rank, lowered } : { rank });
  });
});
