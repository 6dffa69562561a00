// The recorded ways in which machines are lost, as tables: which pods go, which guests stay, and in which order.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine, lostTaint } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { recoverMachine, type Held, type RecoveryDecision, type RecoveryInput } from './decide.ts';

const patience = { lostAfterMs: 15_000, leaseDurationMs: 10_000, leaseMarginMs: 1_000 };
const nothing: Held = { jobs: [], vmis: [], pods: [], migrations: [] };

function lose(held: Partial<Held>, o: Partial<RecoveryInput> = {}): RecoveryDecision[] {
  const machine = o.machine ?? 'pc-1';
  const node = aMachine(machine, { taints: [lostTaint] });
  const hearing = { silentMs: 20_000, renewed: true };
  const input = { machine, node, hearing, blind: false, patience, ...o };
  return recoverMachine(input, () => ({ ...nothing, ...held }));
}

/** "kind name" of each, in order. */
const told = (decisions: RecoveryDecision[]): string[] =>
  decisions.flatMap((decision) => {
    switch (decision.kind) {
      case 'endMigration':
        return [`${decision.kind} ${decision.migration.metadata.name}`];
      case 'removePod':
        return [`${decision.kind} ${decision.pod.metadata.name}`];
      case 'endAttempt':
        return [`${decision.kind} ${decision.job.metadata.namespace}/${decision.job.metadata.name}`];
      case 'taint':
      case 'untaint':
      case 'seal':
        return [decision.kind];
      case 'lookAgain':
        return [];
    }
  });

const { job } = aJob('j').published().claimedBy('pc-1').created().started();
const vm = aVm(job);
const moving = (from: string, to: string): Held => ({
  jobs: [job],
  vmis: [aVmi(vm, 'Running', from)],
  pods: [aPod(vm, from), aPod(vm, to)],
  migrations: [aMigration(vm, to, 'Running')],
});

describe('a loss during a migration', () => {
  it('of the target takes the target pod and the migration; the guest is not touched', () => {
    expect(told(lose(moving('pc-1', 'pc-2'), { machine: 'pc-2' }))).toEqual([
      'endMigration j-1-m1',
      'removePod virt-launcher-j-1-pc-2',
    ]);
  });

  it('of the source ends the attempt, the migration and the source pod; the target pod is for KubeVirt to remove', () => {
    expect(told(lose(moving('pc-1', 'pc-2')))).toEqual([
      'endAttempt default/j',
      'endMigration j-1-m1',
      'removePod virt-launcher-j-1-pc-1',
    ]);
  });

  it('of the source after the hand-over takes nothing but what is left of its pod', () => {
    const there = {
      ...moving('pc-1', 'pc-2'),
      vmis: [aVmi(vm, 'Running', 'pc-2')],
      migrations: [aMigration(vm, 'pc-2', 'Succeeded')],
    };
    expect(told(lose(there))).toEqual(['removePod virt-launcher-j-1-pc-1']);
  });

  it('of both ends ends the attempt once', () => {
    expect(told(lose(moving('pc-1', 'pc-2')))).toContain('endAttempt default/j');
    const ended = aJob('j').published().claimedBy('pc-1').created().started().ended('MachineLost').job;
    expect(told(lose({ ...moving('pc-1', 'pc-2'), jobs: [ended] }, { machine: 'pc-2' }))).toEqual([
      'endMigration j-1-m1',
      'removePod virt-launcher-j-1-pc-2',
    ]);
  });
});

describe('a machine that is lost', () => {
  it('is tainted first, or its replacements would be placed on it again', () => {
    const fresh = lose(moving('pc-1', 'pc-2'), { node: aMachine('pc-1') });
    expect(told(fresh)[0]).toBe('taint');
  });

  it('and heard again while it is being cleaned is welcomed back: what is still there lives on', () => {
    const hearing = { silentMs: 100, renewed: true };
    expect(told(lose(moving('pc-1', 'pc-2'), { hearing }))).toEqual(['untaint']);
  });

  it('and whose Node is deleted has its attempts ended without a taint, for there is nothing to taint', () => {
    const decisions = lose(moving('pc-1', 'pc-2'), { node: undefined });
    expect(told(decisions)).toEqual([
      'endAttempt default/j',
      'endMigration j-1-m1',
      'removePod virt-launcher-j-1-pc-1',
    ]);
    expect(decisions[0]).toMatchObject({ message: 'the Node object of pc-1 was deleted' });
  });

  it('takes only the job of its own namespace, when another has the same name', () => {
    const inOther = (object: ComputeJob): ComputeJob => ({
      ...object,
      metadata: { ...object.metadata, namespace: 'other' },
    });
    const twin = inOther(aJob('j').published().claimedBy('pc-1').created().started().job);
    const elsewhere = aVmi(aVm(twin), 'Running', 'pc-9');
    expect(told(lose({ jobs: [job, twin], vmis: [aVmi(vm, 'Running', 'pc-1'), elsewhere] }))).toEqual([
      'endAttempt default/j',
    ]);
  });
});

describe('a machine that is heard', () => {
  it('is not asked what it holds, however often it is looked at', () => {
    const hearing = { silentMs: 1_000, renewed: true };
    const look = () =>
      recoverMachine({ machine: 'pc-1', node: aMachine('pc-1'), hearing, blind: false, patience }, () => {
        throw new Error('nobody needs that');
      });
    expect(look()).toEqual([{ kind: 'lookAgain', afterMs: 14_000 }]);
  });

  it('is looked at again when whoever hears it says so', () => {
    const hearing = { silentMs: 0, renewed: true, lookAgainInMs: 99_000 };
    expect(lose({}, { node: aMachine('pc-1'), hearing })).toEqual([{ kind: 'lookAgain', afterMs: 99_000 }]);
  });
});
