// Where a guest goes whose machine is to be left, and what it is told while it cannot.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aVm, aVmi, type InstanceOverrides } from '../../../test/builders/guest.ts';
import { aJob, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { Node } from '../api/kubernetes.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { poolOf } from '../model/pool.ts';
import { evacuate, type EvacuationDecision } from './decide.ts';

const settings = { targetReadyMs: 60_000, retryBaseMs: 2_000, retryMaxMs: 300_000 };
const running = aJob('j')
  .published()
  .claimedBy('pc-1', { runnersUp: ['pc-3', 'pc-2'] })
  .created()
  .started();
const vm = aVm(running.job, { released: true });
const source = aMachine('pc-1', { cordoned: true });

function decide(
  nodes: Node[],
  o: {
    vmi?: InstanceOverrides | VirtualMachineInstance;
    migrations?: VirtualMachineInstanceMigration[];
    job?: JobBuilder;
    nowS?: number;
  } = {},
): EvacuationDecision {
  const { migrations = [], nowS = 0, job = running } = o;
  const vmi = o.vmi && 'metadata' in o.vmi ? o.vmi : aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1', ...o.vmi });
  const pool = poolOf({ nodes, jobs: [job.job], vms: [vm], vmis: [vmi], migrations });
  return evacuate({ job: job.job, vmi, migrations, pool, nowMs: noon + nowS * 1000, settings });
}

describe('a guest whose machine is drained', () => {
  it('moves to the first runner-up that fits', () => {
    expect(decide([source, aMachine('pc-2'), aMachine('pc-3')])).toMatchObject({
      kind: 'migrate',
      name: 'j-1-m1',
      target: 'pc-3',
    });
    expect(decide([source, aMachine('pc-2'), aMachine('pc-3', { ready: false })])).toMatchObject({ target: 'pc-2' });
  });

  it('moves to a machine that was no runner-up when none of them fits', () => {
    expect(decide([source, aMachine('pc-9')])).toMatchObject({ kind: 'migrate', target: 'pc-9' });
  });

  it.each<[string, Node]>([
    ['has another processor vendor', aMachine('pc-2', { cpuVendor: 'Intel' })],
    ['lacks the processor model', aMachine('pc-2', { cpuModels: ['qemu64'] })],
    ['lacks the board', aMachine('pc-2', { labels: { 'machine-type.node.kubevirt.io/pc-q35-7.2': 'false' } })],
    ['has no room', aMachine('pc-2', { cores: 0 })],
    ['is cordoned itself', aMachine('pc-2', { cordoned: true })],
  ])('runs on where it is when the other machine %s', (_name, other) => {
    const decision = decide([source, other]);
    expect(decision).toMatchObject({ kind: 'stay', reason: 'NoMachineForGuest' });
    expect((decision as { message: string }).message).toMatch(
      /^pc-1 is to be left, but no machine can take the guest, which runs on: of the other machines 1 /,
    );
  });

  it('says that there is no other machine when it is so', () => {
    expect(decide([source])).toMatchObject({
      message: 'pc-1 is to be left, but no machine can take the guest, which runs on: there is no other machine',
    });
  });

  it('is made anew elsewhere when it cannot move while it runs and another machine fits', () => {
    const vmi = { migratable: 'A GPU is attached' };
    expect(decide([source, aMachine('pc-2', { cpuVendor: 'Intel' })], { vmi })).toMatchObject({
      kind: 'recreate',
      target: 'pc-2',
      message: 'pc-1 is drained and a GPU is attached; it is made anew elsewhere',
    });
    expect(decide([source], { vmi })).toMatchObject({ kind: 'stay', reason: 'NoMachineForGuest' });
  });

  it('is first released from its machine', () => {
    const pinned = aVmi(aVm(running.job), 'Running', 'pc-1', { evacuate: 'pc-1' });
    expect(decide([source, aMachine('pc-2')], { vmi: pinned })).toMatchObject({ kind: 'stay', reason: 'StillPinned' });
  });
});

describe('a migration', () => {
  const others = [source, aMachine('pc-2'), aMachine('pc-3')];

  it('under way is left alone, and no second one is made', () => {
    expect(decide(others, { migrations: [aMigration(vm, 'pc-3', 'Running')], nowS: 1000 })).toEqual({ kind: 'wait' });
  });

  it('whose target does not become ready is called off after its time', () => {
    const migrations = [aMigration(vm, 'pc-3', 'Pending', { createdAt: 0 })];
    expect(decide(others, { migrations, nowS: 59 })).toEqual({ kind: 'wait', retryInMs: 1_000 });
    expect(decide(others, { migrations, nowS: 60 })).toMatchObject({ kind: 'cancel' });
  });

  it('that failed is followed by another to a different target, later to the same', () => {
    const migrations = [aMigration(vm, 'pc-3', 'Failed', { endedAt: 0 })];
    expect(decide(others, { migrations, nowS: 1 })).toMatchObject({ kind: 'migrate', target: 'pc-2', name: 'j-1-m2' });
    const only = [source, aMachine('pc-3')];
    expect(decide(only, { migrations, nowS: 1 })).toMatchObject({ kind: 'stay', retryInMs: 1_000 });
    expect(decide(only, { migrations, nowS: 2 })).toMatchObject({ kind: 'migrate', target: 'pc-3' });
  });

  it('that succeeded is recorded once', () => {
    const migrations = [aMigration(vm, 'pc-3', 'Succeeded')];
    const vmi = aVmi(vm, 'Running', 'pc-3');
    expect(decide(others, { vmi, migrations })).toMatchObject({ kind: 'record' });
    const entry = { at: '', reason: 'Drained', migration: 'j-1-m1' };
    const recorded = running.with({ ...running.job.status, interruptions: [entry] });
    expect(decide(others, { vmi, migrations, job: recorded })).toEqual({ kind: 'wait' });
  });
});

describe('nothing is done', () => {
  it.each<[string, JobBuilder, VirtualMachineInstance]>([
    ['while nobody asks', running, aVmi(vm, 'Running', 'pc-1')],
    ['for a guest that has ended', running, aVmi(vm, 'Succeeded', 'pc-1', { evacuate: 'pc-1' })],
    ['for a guest that is being deleted', running, aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1', deleted: true })],
    ['for a job that is being deleted', running.beingDeleted(), aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1' })],
  ])('%s', (_name, job, vmi) => {
    expect(decide([source, aMachine('pc-2')], { job, vmi })).toEqual({ kind: 'wait' });
  });
});
