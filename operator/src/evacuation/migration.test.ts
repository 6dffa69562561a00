// What is done about a migration that is under way, and what is recorded of one that has ended.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aPod, aVm, aVmi, type MigrationOverrides } from '../../../test/builders/guest.ts';
import { aJob, at, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { Node, Pod } from '../api/kubernetes.ts';
import type { MigrationPhase, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { Verdicts } from '../matching/verdicts.ts';
import { poolOf } from '../model/pool.ts';
import { evacuate, type EvacuationDecision } from './decide.ts';
import { entryOf } from './records.ts';
import type { Moving } from './traffic.ts';

const settings = {
  targetReadyMs: 60_000,
  retryBaseMs: 2_000,
  retryMaxMs: 300_000,
  limits: { perMachine: 2, perRoom: 4, inAll: 5 },
  ladder: { freezeForMs: 0, migrateWithinMs: 60_000, parkWithinMs: 30_000 },
};
const running = aJob('j').published().claimedBy('pc-1').created().started();
const vm = aVm(running.job, { released: true });
const drained = aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1' });
const source = aMachine('pc-1', { cordoned: true });

interface Case {
  readonly nodes?: Node[];
  readonly vmi?: VirtualMachineInstance;
  readonly job?: JobBuilder;
  readonly pods?: readonly Pod[];
  readonly moving?: readonly Moving[];
  readonly nowS?: number;
}

function decide(migration: VirtualMachineInstanceMigration, o: Case = {}): EvacuationDecision {
  const { nodes = [source, aMachine('pc-3')], vmi = drained, job = running, pods = [], nowS = 0 } = o;
  const pool = poolOf({ nodes, jobs: [job.job], vms: [vm], vmis: [vmi], migrations: [migration] });
  const own: Moving = { instance: 'default/j-1', migration: 'default/j-1-m1', from: 'pc-1', to: 'pc-3', sinceMs: noon };
  const verdicts = new Verdicts();
  verdicts.sync(pool);
  return evacuate({
    job: job.job,
    vm,
    vmi,
    migrations: [migration],
    pods,
    pool,
    verdicts,
    explain: true,
    moving: o.moving ?? [own],
    mayUnmark: true,
    urgentWaits: false,
    isSilent: () => false,
    nowMs: noon + nowS * 1000,
    settings,
  });
}

const aMove = (phase: MigrationPhase, o: MigrationOverrides = {}) => aMigration(vm, 'pc-3', phase, o);

describe('a migration that copies', () => {
  it.each<[string, Case]>([
    ['while its machine is drained', { nowS: 1000 }],
    ['when nobody wants it any more', { nodes: [aMachine('pc-1'), aMachine('pc-3')] }],
    ['when its target takes no new guests', { nodes: [source, aMachine('pc-3', { cordoned: true })] }],
  ])('is left alone %s', (_name, o) => {
    expect(decide(aMove('Running'), o)).toEqual({ kind: 'wait' });
  });

  it('is known from the instance before the migration says so', () => {
    const migrationState = {
      migrationUid: 'uid-j-1-m1',
      sourceNode: 'pc-1',
      targetNode: 'pc-3',
      startTimestamp: at(1),
    };
    const vmi = aVmi(vm, 'Running', 'pc-1', { migrationState });
    const nodes = [aMachine('pc-1'), aMachine('pc-3')];
    expect(decide(aMove('TargetReady'), { vmi, nodes, nowS: 2 })).toEqual({ kind: 'wait' });
  });
});

describe('a migration that has not begun to copy', () => {
  it.each<[MigrationPhase, number]>([
    ['Pending', 60],
    ['Scheduling', 60],
    ['Scheduled', 120],
    ['PreparingTarget', 120],
    ['TargetReady', 120],
  ])('and is %s is given up after %i s', (phase, seconds) => {
    expect(decide(aMove(phase), { nowS: seconds - 1 })).toEqual({ kind: 'wait', retryInMs: 1_000 });
    expect(decide(aMove(phase), { nowS: seconds })).toMatchObject({ kind: 'cancel', reason: 'MigrationFailed' });
  });

  it.each<[string, Node[]]>([
    ['the machine takes guests again', [aMachine('pc-1'), aMachine('pc-3')]],
    ['the machine is open and its owner away', [aMachine('pc-1', { labels: {} }), aMachine('pc-3')]],
  ])('is called off when %s', (_name, nodes) => {
    expect(decide(aMove('Scheduling', { leaveReason: 'OwnerReturned' }), { nodes })).toMatchObject({
      kind: 'cancel',
      reason: 'CalledOff',
      message: 'pc-1 need not be left any more; the migration j-1-m1 to pc-3 was called off before its copy began',
    });
  });

  it.each<[string, Node[], string]>([
    ['is cordoned', [aMachine('pc-3', { cordoned: true })], 'pc-3 takes no new guests'],
    [
      'is occupied',
      [aMachine('pc-3', { labels: { 'idlewild.dev/presence': 'present' } })],
      'the owner of pc-3 is back',
    ],
    ['stops lending', [aMachine('pc-3', { labels: { 'idlewild.dev/pool': 'off' } })], 'pc-3 does not lend any more'],
    ['goes', [], 'pc-3 is gone'],
  ])('is given up when its target %s', (_name, others, words) => {
    expect(decide(aMove('Scheduling'), { nodes: [source, ...others] })).toMatchObject({
      kind: 'cancel',
      reason: 'MigrationFailed',
      message: `pc-1 is drained, but the migration j-1-m1 to pc-3 was given up: ${words}; the guest runs on`,
    });
  });

  it('is left to recovery when its target is lost', () => {
    const lost = aMachine('pc-3', { taints: [{ key: 'idlewild.dev/lost', effect: 'NoSchedule' }] });
    expect(decide(aMove('Scheduling'), { nodes: [source, lost] })).toEqual({ kind: 'wait' });
  });

  it('gives in when there is no room for all on the way there, if it came last', () => {
    const nodes = [source, aMachine('pc-3', { cores: 0 })];
    const other: Moving = { instance: 'default/k-1', from: 'pc-2', to: 'pc-3', sinceMs: noon - 1 };
    const own: Moving = { instance: 'default/j-1', from: 'pc-1', to: 'pc-3', sinceMs: noon };
    const message = expect.stringContaining('pc-3 has no room for it any more');
    expect(decide(aMove('Scheduling'), { nodes, moving: [own, other] })).toMatchObject({ kind: 'cancel', message });
    const earlier = { ...other, sinceMs: noon + 1 };
    expect(decide(aMove('Scheduling'), { nodes, moving: [own, earlier] })).toMatchObject({ kind: 'wait' });
  });

  it('is waited for while it is being deleted', () => {
    expect(decide(aMove('Scheduling', { deleted: true }), { nowS: 1000 })).toEqual({ kind: 'wait' });
  });

  it('is not touched when somebody else made it', () => {
    const foreign = aMove('Pending', { foreign: 'kubevirt-evacuation-x' });
    expect(decide(foreign, { nowS: 1000 })).toMatchObject({
      kind: 'stay',
      reason: 'Migrating',
      message: 'pc-1 is drained; migration kubevirt-evacuation-x, made by somebody else, moves it',
    });
    const open = { nodes: [aMachine('pc-1'), aMachine('pc-3')], vmi: aVmi(vm, 'Running', 'pc-1') };
    expect(decide(foreign, open)).toEqual({ kind: 'wait' });
  });
});

describe('why a migration is stuck', () => {
  const isSource = aPod(vm, 'pc-1', {
    phase: 'Running',
    initContainerStatuses: [{ name: 'volumeroot', imageID: 'lab/tiny@sha256:0123' }],
  } as Pod['status']);
  const target = (status: Pod['status']): Pod => {
    const pod = aPod(vm, undefined, status);
    return { ...pod, metadata: { ...pod.metadata, labels: { 'kubevirt.io/migrationJobUID': 'uid-j-1-m1' } } };
  };
  const message = '0/4 nodes are available: 4 node(s) did not match';

  it.each<[string, VirtualMachineInstanceMigration, Pod[], string]>([
    [
      'the scheduler finds no place',
      aMove('Scheduling'),
      [isSource, target({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message }] })],
      `the scheduler does not place its target pod: ${message}`,
    ],
    ['its pod does not get ready', aMove('Scheduling'), [isSource, target({ phase: 'Pending' })], 'does not get ready'],
    [
      'a quota is in the way',
      aMove('Pending', {
        conditions: [{ type: 'migrationRejectedByResourceQuota', status: 'True', message: 'exceeded quota: small' }],
      }),
      [isSource],
      'a resource quota of default leaves no room for its target pod: exceeded quota: small',
    ],
    [
      'the machine does not tell the digest of the image',
      aMove('Pending'),
      [
        {
          ...isSource,
          status: { phase: 'Running', initContainerStatuses: [{ name: 'volumeroot', imageID: '' }] },
        } as Pod,
      ],
      'does not tell the digest of the guest image',
    ],
    [
      'a pod of an earlier try is still there',
      aMove('Pending'),
      [isSource, aPod(vm, 'pc-9')],
      'the launcher pod virt-launcher-j-1-pc-9 of an earlier try is still there',
    ],
    ['KubeVirt says nothing', aMove('Pending'), [isSource], 'KubeVirt made no target pod for it'],
  ])('is told when %s', (_name, migration, pods, words) => {
    const decision = decide(migration, { pods, nowS: 60 });
    expect(decision).toMatchObject({ kind: 'cancel', message: expect.stringContaining(words) });
  });
});

describe('a migration that has ended', () => {
  it('is recorded once, also when the guest or the job has ended meanwhile', () => {
    const moved = aVmi(vm, 'Running', 'pc-3');
    expect(decide(aMove('Succeeded'), { vmi: moved })).toMatchObject({ kind: 'record', attempt: { number: 1 } });
    const over = { vmi: aVmi(vm, 'Succeeded', 'pc-3'), job: running.finished('Completed') };
    expect(decide(aMove('Succeeded'), over)).toMatchObject({ kind: 'record' });
    const job = running.ledger({ at: at(0), reason: 'Drained', migration: 'j-1-m1' });
    expect(decide(aMove('Succeeded'), { vmi: moved, job })).toEqual({ kind: 'wait' });
  });

  it('is not followed by another while the instance is still seen as it was before the move', () => {
    const job = running.ledger({ at: at(0), reason: 'Drained', migration: 'j-1-m1' });
    const move = aMove('Succeeded');
    expect(decide(move, { job })).toEqual({ kind: 'wait', retryInMs: 1_000 });
    const migrationState = { migrationUid: move.metadata.uid ?? '', completed: true, sourceNode: 'pc-9' };
    const back = { ...drained, status: { ...drained.status, migrationState } };
    expect(decide(move, { job, vmi: back })).toMatchObject({ kind: 'migrate', name: 'j-1-m2' });
  });

  it('is recorded when it failed, before another is made', () => {
    expect(decide(aMove('Failed'))).toMatchObject({ kind: 'record', leaving: { reason: 'Drained' } });
  });

  it('is recorded when somebody else made it', () => {
    const foreign = aMove('Succeeded', { foreign: 'kubevirt-migrate-vm-1' });
    expect(decide(foreign, { vmi: aVmi(vm, 'Running', 'pc-3') })).toMatchObject({ kind: 'record' });
  });

  it('is not recorded again when the ledger is full and younger than it', () => {
    const full = Array.from({ length: 20 }).reduce<JobBuilder>(
      (job, _each, index) => job.ledger({ at: at(100 + index), reason: 'CalledOff' }),
      running,
    );
    const vmi = aVmi(vm, 'Running', 'pc-1');
    const nodes = [aMachine('pc-1')];
    expect(decide(aMove('Failed', { endedAt: 99 }), { job: full, vmi, nodes })).toEqual({ kind: 'wait' });
    expect(decide(aMove('Failed', { endedAt: 130 }), { job: full, vmi, nodes })).toMatchObject({ kind: 'record' });
  });
});

describe('the ledger', () => {
  const [attempt] = running.job.status?.attempts ?? [];
  const record = (
    migration: VirtualMachineInstanceMigration,
    o: { vmi?: VirtualMachineInstance | undefined; downtimeSeconds?: number } = {},
  ) => {
    if (!attempt) throw new Error('the job has an attempt');
    const vmi = 'vmi' in o ? o.vmi : aVmi(vm, 'Running', 'pc-1');
    return entryOf({ migration, vmi, pods: [], attempt, at: at(60), downtimeSeconds: o.downtimeSeconds });
  };
  const state = {
    migrationUid: 'uid-j-1-m1',
    sourceNode: 'pc-1',
    targetNode: 'pc-3',
    startTimestamp: at(10),
    endTimestamp: at(15),
    completed: true,
  };

  it('says from where to where, how long and why', () => {
    expect(record(aMove('Succeeded', { state, leaveReason: 'OwnerReturned' }), { downtimeSeconds: 0.3 })).toEqual({
      at: at(60),
      reason: 'OwnerReturned',
      rung: 'Migrate',
      attempt: 1,
      node: 'pc-1',
      toNode: 'pc-3',
      migration: 'j-1-m1',
      seconds: 5,
      downtimeSeconds: 0.3,
      message: 'the guest moved from pc-1 to pc-3 in 5 s, and stood still for 0.3 s of it',
    });
  });

  it.each<[string, MigrationOverrides, string]>([
    ['Drained', {}, 'the guest moved from pc-1 to pc-3 in 5 s'],
    [
      'Drained',
      { foreign: 'kubevirt-evacuation-x', annotations: { 'kubevirt.io/evacuationMigration': 'pc-1' } },
      'the guest moved from pc-1 to pc-3 in 5 s by migration kubevirt-evacuation-x, made by somebody else',
    ],
    [
      'Migrated',
      { foreign: 'mine' },
      'the guest moved from pc-1 to pc-3 in 5 s by migration mine, made by somebody else',
    ],
    [
      'Drained',
      { state: { ...state, mode: 'PostCopy' } },
      'the guest moved from pc-1 to pc-3 in 5 s, in post-copy mode',
    ],
  ])('says %s of %j', (reason, o, message) => {
    expect(record(aMove('Succeeded', { state, ...o }))).toMatchObject({ reason, message });
  });

  it.each<[string, MigrationOverrides, VirtualMachineInstance | undefined]>([
    [
      'Live migration failed error: virError(operation failed: played)',
      {
        state: {
          ...state,
          failed: true,
          failureReason: 'Live migration failed error: virError(operation failed: played)',
        },
      },
      aVmi(vm, 'Running', 'pc-1'),
    ],
    [
      'Target pod is down',
      { phases: ['Scheduling', 'Scheduled', 'Failed'] },
      aVmi(vm, 'Running', 'pc-1', { migrationState: { ...state, failed: true, failureReason: 'Target pod is down' } }),
    ],
    ['its target pod ended before the copy began', { phases: ['Scheduling', 'Scheduled', 'Failed'] }, drained],
    ['its target pod could not be placed in time', { phases: ['Pending', 'Scheduling', 'Failed'] }, drained],
    ['it ended before KubeVirt had made a target pod', { phases: ['Pending', 'Failed'] }, drained],
    ['it was called off', { conditions: [{ type: 'migrationAbortRequested', status: 'True' }] }, drained],
    [
      'a resource quota of default leaves no room for its target pod',
      { conditions: [{ type: 'migrationRejectedByResourceQuota', status: 'True' }] },
      drained,
    ],
    ['the guest ended before it had moved', {}, aVmi(vm, 'Succeeded', 'pc-1')],
    ['the guest ended before it had moved', {}, undefined],
  ])('says why one failed: %s', (words, o, vmi) => {
    const entry = record(aMove('Failed', { createdAt: 5, endedAt: 15, ...o }), { vmi });
    expect(entry).toMatchObject({
      reason: 'MigrationFailed',
      rung: 'Migrate',
      node: 'pc-1',
      toNode: 'pc-3',
      seconds: 10,
    });
    expect(entry.message).toBe(`the guest could not be moved from pc-1 to pc-3: ${words}`);
  });
});
