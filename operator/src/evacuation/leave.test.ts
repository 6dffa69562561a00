// When the owner's return becomes a reason to leave a machine.
import { describe, expect, it } from '@jest/globals';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJobStatus } from '../api/compute-job.ts';
import { machineOf, type Machine } from '../model/machine.ts';
import { leavesInMs, leavingOf } from './leave.ts';

const settings = { freezeForMs: 20_000, migrateWithinMs: 120_000, parkWithinMs: 30_000 };
type Standing = NonNullable<ComputeJobStatus['ladder']>;

function ask(o: { policy?: 'Migrate' | 'Freeze' | 'Restart'; ladder?: Standing; nowS?: number }) {
  const { job } = aJob('j', { interruption: { ownerReturns: o.policy ?? 'Migrate' } })
    .published()
    .claimedBy('pc-1')
    .started();
  const own = { ...job, status: { ...job.status, ...(o.ladder ? { ladder: o.ladder } : {}) } };
  return { job: own, nowMs: noon + (o.nowS ?? 0) * 1000, settings };
}

function occupied(offer: object = {}): Machine {
  const node = aMachine('pc-1', { labels: { 'idlewild.dev/presence': 'present' } });
  const annotations = { 'idlewild.dev/offer': JSON.stringify(offer) };
  return machineOf({ ...node, metadata: { ...node.metadata, annotations } });
}

const since: Standing = { since: at(0), frozen: at(0) };

describe('a guest whose machine’s owner is back', () => {
  it.each<[string, Parameters<typeof ask>[0], object, { leaves: boolean; inMs?: number; urgent?: boolean }]>([
    ['need not leave before the ladder has seen it', {}, {}, { leaves: false, inMs: 20_000 }],
    ['need not leave while it is frozen for a while', { ladder: since, nowS: 5 }, {}, { leaves: false, inMs: 15_000 }],
    ['has to leave after that', { ladder: since, nowS: 20 }, {}, { leaves: true, urgent: false }],
    ['has to leave at once when the owner lacks memory', {}, { pressure: 'memory' }, { leaves: true, urgent: true }],
    ['has to leave at once when the machine goes down', {}, { reason: 'Leaving' }, { leaves: true, urgent: true }],
    ['never has to leave when its job says so', { policy: 'Freeze', ladder: since, nowS: 999 }, {}, { leaves: false }],
    ['is not moved when it is given up', { policy: 'Restart' }, {}, { leaves: false }],
    [
      'is not moved once it was asked to shut down',
      { ladder: { ...since, parking: at(140) }, nowS: 141 },
      {},
      { leaves: false },
    ],
  ])('%s', (_name, o, offer, wanted) => {
    const asked = ask(o);
    const vmi = aVmi(aVm(asked.job), 'Running', 'pc-1');
    const leaving = leavingOf(vmi, occupied(offer), asked);
    expect(leaving !== undefined).toBe(wanted.leaves);
    expect(leaving?.urgent).toBe(wanted.urgent);
    expect(leavesInMs(occupied(offer), asked)).toBe(wanted.inMs);
  });
});
