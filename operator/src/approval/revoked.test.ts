// What becomes of guests, and of jobs that wait, when an admin revokes a machine.

import { describe, expect, it } from '@jest/globals';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at, noon, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { Node } from '../api/kubernetes.ts';
import { evacuate } from '../evacuation/decide.ts';
import { climb } from '../ladder/decide.ts';
import { standingObstacleOf, requirementOf } from '../matching/subscribe.ts';
import { Verdicts } from '../matching/verdicts.ts';
import { machineOf } from '../model/machine.ts';
import { poolOf } from '../model/pool.ts';

const ladder = { freezeForMs: 20_000, migrateWithinMs: 120_000, parkWithinMs: 30_000 };
const limits = { perMachine: 2, perRoom: 3, inAll: 4 };
const settings = { targetReadyMs: 60_000, retryBaseMs: 2_000, retryMaxMs: 300_000, limits, ladder };
const revoked = aMachine('pc-1', { labels: { 'node-restriction.kubernetes.io/idlewild-approved': 'revoked' } });

function world(nodes: Node[], spec: SpecOverrides = {}, since?: number) {
  const { job } = aJob('j', spec).published().claimedBy('pc-1').created().started(-100);
  const own = since === undefined ? job : { ...job, status: { ...job.status, ladder: { since: at(since) } } };
  const vm = aVm(own, { released: true });
  const vmi = aVmi(vm, 'Running', 'pc-1');
  const pool = poolOf({ nodes, jobs: [own], vms: [vm], vmis: [vmi], migrations: [] });
  const verdicts = new Verdicts();
  verdicts.sync(pool);
  return { job: own, vm, vmi, pool, verdicts, migrations: [], nowMs: noon };
}

const evacuated = (nodes: Node[], since?: number) => {
  const rest = {
    pods: [],
    explain: true,
    moving: [],
    urgentWaits: true,
    isSilent: () => false,
    mayUnmark: true,
    settings,
  };
  return evacuate({ ...world(nodes, {}, since), ...rest });
};

describe('a guest on a revoked machine', () => {
  it('moves at once, before others that have to leave', () => {
    expect(evacuated([revoked, aMachine('pc-2')])).toMatchObject({
      kind: 'migrate',
      target: 'pc-2',
      leaving: { reason: 'Revoked', urgent: true },
      message: 'pc-1 is revoked by an admin; moving to pc-2',
    });
  });

  it('is told when it is shut down if no machine takes it', () => {
    expect(evacuated([revoked], 0)).toMatchObject({
      kind: 'stay',
      cause: 'Revoked',
      message: expect.stringMatching(
        /^pc-1 is revoked by an admin, but no machine can take the guest.*at 12:02:00 UTC/,
      ),
    });
  });

  it('does not move to another one', () => {
    const other = aMachine('pc-2', { labels: { 'node-restriction.kubernetes.io/idlewild-approved': 'revoked' } });
    expect(evacuated([revoked, other])).toMatchObject({ kind: 'stay', reason: 'NoMachineForGuest' });
  });

  it('is not frozen, and is given up when its job is not to be moved', () => {
    expect(climb({ ...world([revoked]), settings: ladder })).toMatchObject({ kind: 'yield', still: false });
    const interruption = { ownerReturns: 'Freeze' } as const;
    expect(climb({ ...world([revoked], { interruption }), settings: ladder })).toMatchObject({
      kind: 'end',
      reason: 'Revoked',
      message: 'pc-1 is revoked by an admin; the job is not to be moved, and the attempt is given up',
    });
  });

  it('stays when the approval is given back', () => {
    expect(climb({ ...world([aMachine('pc-1')], {}, 0), settings: ladder })).toMatchObject({ kind: 'resumed' });
  });
});

describe('a job that waits', () => {
  it('is not offered a revoked machine, and a pending one is another thing', () => {
    const wanted = requirementOf(aJob('j').job);
    const obstacle = (node: Node) => standingObstacleOf(machineOf(node), wanted, new Map());
    expect(obstacle(revoked)).toBe('Revoked');
    expect(obstacle(aMachine('pc-1', { approved: false }))).toBe('NotApproved');
  });
});
