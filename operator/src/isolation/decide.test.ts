import { describe, expect, it } from '@jest/globals';
import { at } from '../../../test/builders/job.ts';
import type { Namespace, NetworkPolicy } from '../api/kubernetes.ts';
import { renderNetworkPolicy } from '../render/network-policy.ts';
import { decideIsolation } from './decide.ts';
import { parseRanges } from './ranges.ts';

const ranges = parseRanges('10.0.0.0/8');
const lab: Namespace = { metadata: { name: 'lab' } };
const talking: Namespace = { metadata: { name: 'lab', labels: { 'idlewild.dev/guests-may-talk': 'true' } } };
const wanted = renderNetworkPolicy(lab, ranges);
const edited = (spec: Partial<NetworkPolicy['spec']>): NetworkPolicy => ({
  ...wanted,
  spec: { ...wanted.spec, ...spec },
});
const decide = (policy: NetworkPolicy | undefined, namespace: Namespace | undefined = lab) =>
  decideIsolation({ namespace, policy, ranges });

describe('the isolation of a namespace', () => {
  it('is made where it is missing, and where the last one is on its way out', () => {
    expect(decide(undefined)).toEqual({ kind: 'create', policy: wanted });
    const leaving = { ...wanted, metadata: { ...wanted.metadata, deletionTimestamp: at(0) } };
    expect(decide(leaving)).toEqual({ kind: 'create', policy: wanted });
  });

  it.each<[string, Namespace | undefined]>([
    ['nobody has told of', undefined],
    ['is being deleted', { metadata: { name: 'lab', deletionTimestamp: at(0) } }],
  ])('is not made in a namespace that %s', (_which, namespace) => {
    expect(decideIsolation({ namespace, policy: undefined, ranges })).toEqual({ kind: 'nowhere' });
  });

  it('is in place whatever others wrote beside it, in whatever order its members come', () => {
    const { spec, metadata } = wanted;
    const { egress, policyTypes, podSelector } = spec;
    const labels = { ...metadata.labels, team: 'a' };
    const theirs: NetworkPolicy = {
      ...wanted,
      metadata: { ...metadata, labels, annotations: { note: 'mine' } },
      spec: { egress, policyTypes, podSelector } as NetworkPolicy['spec'],
    };
    expect(decide(theirs)).toEqual({ kind: 'isolated' });
  });

  it.each<[string, NetworkPolicy]>([
    ['a wider way out', edited({ egress: [{}] })],
    [
      'another way out',
      edited({ egress: [...(wanted.spec.egress ?? []), { to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] }] }),
    ],
    ['a way in', edited({ ingress: [{}] })],
    ['only one direction', edited({ policyTypes: ['Ingress'] })],
    ['other guests', edited({ podSelector: { ...wanted.spec.podSelector, matchLabels: { 'idlewild.dev/job': 'x' } } })],
    [
      'a narrower choice of guests',
      edited({
        podSelector: {
          ...wanted.spec.podSelector,
          matchLabels: { ...wanted.spec.podSelector.matchLabels, 'idlewild.dev/job': 'x' },
        },
      }),
    ],
  ])('is restored as a whole after an edit to %s', (_what, policy) => {
    expect(decide(policy)).toEqual({
      kind: 'restore',
      fields: ['spec'],
      patch: [{ op: 'add', path: '/spec', value: wanted.spec }],
    });
  });

  it('gets its label back, with the others or alone', () => {
    const relabelled = (labels: Record<string, string> | undefined): NetworkPolicy => ({
      ...wanted,
      metadata: { name: 'idlewild-guests', namespace: 'lab', ...(labels ? { labels } : {}) },
    });
    const fields = ['metadata.labels.app.kubernetes.io/managed-by'];
    const op = 'add';
    expect(decide(relabelled({ team: 'a' }))).toEqual({
      ...{ kind: 'restore', fields },
      patch: [{ op, path: '/metadata/labels/app.kubernetes.io~1managed-by', value: 'idlewild' }],
    });
    expect(decide(relabelled(undefined))).toEqual({
      ...{ kind: 'restore', fields },
      patch: [{ op, path: '/metadata/labels', value: { 'app.kubernetes.io/managed-by': 'idlewild' } }],
    });
  });

  it('follows what an admin says of the namespace', () => {
    expect(decide(wanted, talking)).toMatchObject({ kind: 'restore', fields: ['spec'] });
    expect(decide(renderNetworkPolicy(talking, ranges), talking)).toEqual({ kind: 'isolated' });
    expect(decide(renderNetworkPolicy(talking, ranges), lab)).toMatchObject({ kind: 'restore' });
  });
});
