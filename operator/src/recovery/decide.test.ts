// When a machine counts as lost, what is done then, and when it is welcomed back.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine, lostTaint } from '../../../test/builders/node.ts';
import { recoverMachine, type Held, type RecoveryDecision, type RecoveryInput } from './decide.ts';
import type { Hearing } from './leases.ts';

type Given = Partial<Held & Hearing & Omit<RecoveryInput, 'hearing'>>;

function recover(o: Given): RecoveryDecision[] {
  const { silentMs = 0, renewed = true, lookAgainInMs, jobs = [], vmis = [], pods = [], migrations = [], ...rest } = o;
  const hearing = { silentMs, renewed, lookAgainInMs };
  const input = { machine: 'pc-1', node: aMachine('pc-1'), hearing, blind: false, lostAfterMs: 15_000, ...rest };
  return recoverMachine(input, () => ({ jobs, vmis, pods, migrations }));
}
const kinds = (decisions: RecoveryDecision[]) => decisions.map(({ kind }) => kind);
const silent = { silentMs: 15_000 };
const { job } = aJob('j').published().claimedBy('pc-1').created().started();
const vm = aVm(job);

describe('a machine', () => {
  it('that was heard is looked at again when its time would be over', () => {
    expect(recover({ silentMs: 4_000 })).toEqual([{ kind: 'lookAgain', afterMs: 11_000 }]);
  });

  it('that has been silent for the whole time is tainted before anything else is done', () => {
    const decisions = recover({
      ...silent,
      jobs: [job],
      vmis: [aVmi(vm, 'Running', 'pc-1')],
      pods: [aPod(vm, 'pc-1')],
    });
    expect(kinds(decisions)).toEqual(['taint', 'endAttempt', 'removePod', 'lookAgain']);
    expect(decisions[1]).toMatchObject({ message: 'pc-1 was lost: it has not renewed its lease for 15 s' });
  });

  it('is not judged while the API server cannot be heard', () => {
    expect(kinds(recover({ ...silent, blind: true, jobs: [job] }))).toEqual(['lookAgain']);
  });

  it('that was never approved is none of our business', () => {
    expect(recover({ ...silent, node: aMachine('pc-1', { approved: false }) })).toEqual([]);
  });

  it('found tainted after a start of the operator stays lost until it is heard', () => {
    const node = aMachine('pc-1', { taints: [lostTaint] });
    expect(kinds(recover({ node, renewed: false, jobs: [job] }))).toEqual(['endAttempt', 'lookAgain']);
    expect(kinds(recover({ node, renewed: true }))).toEqual(['untaint']);
  });

  it('that the node controller has given up is lost at once for an operator that has just started, unless it is heard', () => {
    const plain = aMachine('pc-1');
    const node = { ...plain, status: { ...plain.status, conditions: [{ type: 'Ready', status: 'Unknown' as const }] } };
    expect(kinds(recover({ node, silentMs: 100, renewed: false }))).toEqual(['taint', 'lookAgain']);
    expect(kinds(recover({ node, silentMs: 100, renewed: true }))).toEqual(['lookAgain']);
  });

  it('that renews again but is not ready yet keeps its taint', () => {
    expect(kinds(recover({ node: aMachine('pc-1', { taints: [lostTaint], ready: false }) }))).toEqual(['lookAgain']);
  });
});

describe('of a lost machine', () => {
  const node = aMachine('pc-1', { taints: [lostTaint] });
  const lost = (o: Given) => recover({ node, ...silent, ...o });

  it('launcher pods are removed, but not those of guests that have ended: their log may be wanted', () => {
    const pods = [aPod(vm, 'pc-1'), aPod(vm, 'pc-1', { phase: 'Succeeded' }), aPod(vm, 'pc-2')];
    expect(lost({ pods }).filter(({ kind }) => kind === 'removePod')).toEqual([{ kind: 'removePod', pod: pods[0] }]);
  });

  it.each([
    ['from it', aVmi(vm, 'Running', 'pc-1'), 'pc-2', 1],
    ['to it', aVmi(vm, 'Running', 'pc-2'), 'pc-1', 1],
    ['between others', aVmi(vm, 'Running', 'pc-2'), 'pc-3', 0],
  ])('a migration %s is ended or left alone', (_name, vmi, target, count) => {
    const migrations = [aMigration(vm, target, 'Running'), aMigration(vm, target, 'Succeeded', { number: 2 })];
    expect(lost({ vmis: [vmi], migrations }).filter(({ kind }) => kind === 'endMigration')).toHaveLength(count);
  });

  it('an attempt whose guest has moved away goes on; one that had only been claimed there is over', () => {
    expect(kinds(lost({ jobs: [job], vmis: [aVmi(vm, 'Running', 'pc-2')] }))).toEqual(['lookAgain']);
    expect(kinds(lost({ jobs: [aJob('k').published().claimedBy('pc-1').job] }))).toEqual(['endAttempt', 'lookAgain']);
  });

  it('an attempt whose guest has moved to it is over, whatever its claim says', () => {
    const moved = aJob('j').published().claimedBy('pc-2').created().started().job;
    expect(kinds(lost({ jobs: [moved], vmis: [aVmi(aVm(moved), 'Running', 'pc-1')] }))).toEqual([
      'endAttempt',
      'lookAgain',
    ]);
  });

  it('finished and deleted jobs are left to their own ends', () => {
    const jobs = [
      aJob('done').published().claimedBy('pc-1').created().started().finished('Completed').job,
      aJob('gone').published().claimedBy('pc-1').beingDeleted().job,
    ];
    expect(kinds(lost({ jobs }))).toEqual(['lookAgain']);
  });
});
