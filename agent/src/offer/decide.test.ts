// What an agent writes on its Node.
import { describe, expect, it } from '@jest/globals';
import { aMachine } from '../../../test/builders/node.ts';
import { machineOf } from '@idlewild/operator/model/machine.ts';
import type { Presence } from '../presence/decide.ts';
import { offerPatch, type Caps, type Offer } from './decide.ts';

const caps: Caps = {
  cores: 4,
  memoryMiB: 8192,
  diskMiB: 40_960,
  graphicsMiB: 64,
  gpus: 0,
  room: 'lab-a',
  dedicated: false,
};
const gone: Presence = { present: false, reason: 'Idle', message: 'nobody used it for 10 min' };
const there: Presence = { present: true, reason: 'Input', message: 'somebody is at it' };
const offer = (o: Partial<Offer> = {}): Offer => ({
  caps,
  presence: gone,
  since: '2026-01-01T12:00:00Z',
  bootedAt: '2026-01-01T06:00:00Z',
  fenced: true,
  ...o,
});

/** The node as a server has it after the patch. */
function patched(node: ReturnType<typeof aMachine>, patch: object | undefined): ReturnType<typeof aMachine> {
  const { metadata, spec } = (patch ?? {}) as { metadata?: Partial<typeof node.metadata>; spec?: typeof node.spec };
  return {
    ...node,
    metadata: {
      ...node.metadata,
      labels: { ...node.metadata.labels, ...metadata?.labels },
      annotations: { ...node.metadata.annotations, ...metadata?.annotations },
    },
    ...(spec ? { spec: { ...node.spec, ...spec } } : {}),
  };
}

describe('the offer on a Node', () => {
  it('is written once, and nothing is written while nothing changes', () => {
    const node = patched(aMachine('pc-1'), offerPatch(aMachine('pc-1'), offer()));
    expect(node.metadata.labels).toMatchObject({
      'idlewild.dev/class': 'desktop',
      'idlewild.dev/presence': 'away',
      'idlewild.dev/lend-cores': '4',
      'topology.kubernetes.io/zone': 'lab-a',
    });
    expect(offerPatch(node, offer())).toBeUndefined();
  });

  it('says what makes it urgent, as the operator reads it', () => {
    const urgencyOf = (o: Partial<Offer>) =>
      machineOf(patched(aMachine('pc-1'), offerPatch(aMachine('pc-1'), offer({ presence: there, ...o })))).urgency;
    expect(urgencyOf({})).toBeUndefined();
    expect(urgencyOf({ pressure: 'memory' })).toEqual({ kind: 'memory' });
    const leavesBy = '2026-01-01T12:00:20.000Z';
    const leaving: Presence = { present: true, reason: 'Leaving', message: 'it is about to sleep or to shut down' };
    expect(urgencyOf({ presence: leaving, pressure: 'memory', leavesBy })).toEqual({
      kind: 'leaving',
      untilMs: Date.parse(leavesBy),
    });
  });

  it('keeps new guests away while the owner is there, and leaves the taints of others alone', () => {
    const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const };
    const before = patched(aMachine('pc-1', { taints: [cordoned] }), offerPatch(aMachine('pc-1'), offer()));
    const arrived = offerPatch(before, offer({ presence: there }));
    expect(arrived).toMatchObject({
      metadata: { resourceVersion: '1', labels: { 'idlewild.dev/presence': 'present' } },
      spec: { taints: [cordoned, { key: 'idlewild.dev/owner-present', effect: 'NoSchedule' }] },
    });
    const left = offerPatch(patched(before, arrived), offer());
    expect(left).toMatchObject({
      metadata: { labels: { 'idlewild.dev/presence': 'away' } },
      spec: { taints: [cordoned] },
    });
    const alone = patched(aMachine('pc-1'), offerPatch(aMachine('pc-1'), offer({ presence: there })));
    expect(offerPatch(alone, offer())).toMatchObject({ spec: { taints: null } });
  });

  it('never touches the approval or what else is on the Node', () => {
    const keys = JSON.stringify(offerPatch(aMachine('pc-1', { approved: false }), offer()));
    expect(keys).not.toContain('node-restriction');
    expect(keys).not.toContain('kubernetes.io/hostname');
  });
});
