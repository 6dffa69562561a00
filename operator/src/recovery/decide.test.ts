// When a machine counts as lost, what is done then, and when it is welcomed back.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine, lostTaint } from '../../../test/builders/node.ts';
import { recoverMachine, type Held, type RecoveryDecision, type RecoveryInput } from './decide.ts';
import type { Hearing } from './leases.ts';

type Given = Partial<Held & Hearing & Omit<RecoveryInput, 'hearing'>>;

function recover(o: Given): RecoveryDecision[] {
  const { silentMs = 0, renewed = true, lookAgainInMs, agent, maybeAgent, ...others } = o;
  const { jobs = [], vmis = [], pods = [], migrations = [], ...rest } = others;
  const hearing = { silentMs, renewed, lookAgainInMs, agent, maybeAgent };
  const patience = { lostAfterMs: 15_000, leaseDurationMs: 10_000, leaseMarginMs: 1_000 };
  const input = { machine: 'pc-1', node: aMachine('pc-1'), hearing, blind: false, patience, ...rest };
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

  it('that was revoked is judged all the same: it may still have guests', () => {
    const labels = { 'node-restriction.kubernetes.io/idlewild-approved': 'revoked' };
    expect(kinds(recover({ ...silent, node: aMachine('pc-1', { labels }), jobs: [job] }))).toEqual([
      'taint',
      'endAttempt',
      'lookAgain',
    ]);
  });

  it('whose approval was taken away as if it had never been is judged while a job is on it, and welcomed back', () => {
    const node = aMachine('pc-1', { approved: false });
    expect(kinds(recover({ ...silent, node, jobs: [job] }))).toEqual(['taint', 'endAttempt', 'lookAgain']);
    const tainted = aMachine('pc-1', { approved: false, taints: [lostTaint] });
    expect(kinds(recover({ ...silent, renewed: false, node: tainted, jobs: [job] }))).toEqual([
      'endAttempt',
      'lookAgain',
    ]);
    expect(kinds(recover({ node: tainted, renewed: true }))).toEqual(['untaint']);
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

describe('a machine with an agent', () => {
  const open = { agent: { sealed: false, durationMs: 10_000 } };
  const sealed = { agent: { sealed: true, durationMs: 10_000 } };
  const tainted = aMachine('pc-1', { taints: [lostTaint] });
  const shared = aJob('s', { interruption: { exclusive: false } })
    .published()
    .claimedBy('pc-1')
    .created()
    .started().job;
  const there = { jobs: [job, shared], vmis: [aVmi(vm, 'Running', 'pc-1')], pods: [aPod(vm, 'pc-1')] };
  const names = (decisions: RecoveryDecision[]) =>
    decisions.map((each) => (each.kind === 'endAttempt' ? `end ${each.job.metadata.name}` : each.kind));

  it.each<[string, Given, string[]]>([
    ['is heard', { silentMs: 9_999 }, ['lookAgain']],
    [
      'is silent for the duration: what may run twice starts elsewhere',
      { silentMs: 10_000 },
      ['taint', 'end s', 'lookAgain'],
    ],
    ['is tainted and within the margin', { silentMs: 10_999, node: tainted }, ['end s', 'lookAgain']],
    ['is silent for the margin, too', { silentMs: 11_000, node: tainted }, ['end s', 'seal']],
    ['is silent for long when we look for the first time', { silentMs: 30_000 }, ['taint', 'end s', 'seal']],
    ['is sealed', { ...sealed, node: tainted }, ['end j', 'end s', 'removePod', 'lookAgain']],
    ['is sealed and somebody took its taint away', sealed, ['taint', 'end j', 'end s', 'removePod', 'lookAgain']],
    [
      'is sealed while we are blind',
      { ...sealed, blind: true, node: tainted },
      ['end j', 'end s', 'removePod', 'lookAgain'],
    ],
    ['cannot be heard because we are blind', { silentMs: 99_000, blind: true }, ['lookAgain']],
    ['was tainted before we went blind', { silentMs: 99_000, blind: true, node: tainted }, ['lookAgain']],
    ['was tainted by our predecessor', { silentMs: 0, renewed: false, node: tainted }, ['lookAgain']],
    ['holds its lease anew', { node: tainted }, ['untaint']],
    [
      'holds its lease anew but is not ready',
      { node: aMachine('pc-1', { taints: [lostTaint], ready: false }) },
      ['lookAgain'],
    ],
    ['asks for a longer lease', { agent: { sealed: false, durationMs: 30_000 }, silentMs: 29_999 }, ['lookAgain']],
    [
      'asks for an absurd lease',
      { agent: { sealed: false, durationMs: 9e9 }, silentMs: 300_000 },
      ['taint', 'end s', 'lookAgain'],
    ],
    [
      'has only asked for a shorter one',
      { agent: { sealed: false, durationMs: 1_000 }, silentMs: 9_999 },
      ['lookAgain'],
    ],
    [
      'lost its lease, and its kubelet is silent, too',
      { agent: undefined, maybeAgent: true, silentMs: 14_999 },
      ['lookAgain'],
    ],
  ])('that %s', (_name, o, due) => {
    expect(names(recover({ ...open, ...there, ...o }))).toEqual(due);
  });

  it('is not lost because the node controller thinks so: its own lease is what counts', () => {
    const plain = aMachine('pc-1');
    const node = { ...plain, status: { ...plain.status, conditions: [{ type: 'Ready', status: 'Unknown' as const }] } };
    expect(kinds(recover({ ...open, node, silentMs: 100, renewed: false }))).toEqual(['lookAgain']);
  });

  it('says of what was lost with it that its lease is sealed', () => {
    expect(recover({ ...sealed, ...there, node: tainted })[0]).toMatchObject({
      message: 'pc-1 was lost: it has not renewed its lease for 10 s, which is sealed now',
    });
  });

  it.each<[string, Given, string[]]>([
    ['is sealed at once, though it is heard', { silentMs: 500 }, ['seal']],
    ['and sealed is waited for', { ...sealed, silentMs: 10_999 }, ['lookAgain']],
    ['and sealed for long is cleaned', { ...sealed, silentMs: 11_000 }, ['end j', 'end s', 'removePod']],
    [
      'and whose lease is gone as well is waited for',
      { agent: undefined, maybeAgent: true, silentMs: 10_999 },
      ['lookAgain'],
    ],
    [
      'and whose lease is gone for long is cleaned',
      { agent: undefined, maybeAgent: true, silentMs: 11_000 },
      ['end j', 'end s', 'removePod'],
    ],
    ['and that holds nothing is forgotten', { jobs: [], vmis: [], pods: [] }, []],
    ['while we are blind is waited for', { blind: true }, ['lookAgain']],
  ])('whose Node is deleted %s', (_name, o, due) => {
    expect(names(recover({ ...open, ...there, node: undefined, ...o }))).toEqual(due);
  });
});
