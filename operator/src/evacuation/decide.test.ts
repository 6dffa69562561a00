// Where a guest goes that has to leave its machine, and what it is told while it cannot.
import { describe, expect, it } from '@jest/globals';
import { aVm, aVmi, type InstanceOverrides } from '../../../test/builders/guest.ts';
import { aJob, at, JobBuilder, noon, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { Node } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstance } from '../api/kubevirt.ts';
import { Verdicts } from '../matching/verdicts.ts';
import { poolOf } from '../model/pool.ts';
import { evacuate, type EvacuationDecision } from './decide.ts';
import type { Moving } from './traffic.ts';

const settings = {
  targetReadyMs: 60_000,
  retryBaseMs: 2_000,
  retryMaxMs: 300_000,
  limits: { perMachine: 2, perRoom: 3, inAll: 4 },
  ladder: { freezeForMs: 0, migrateWithinMs: 60_000, parkWithinMs: 30_000 },
};
const aRunning = (spec: SpecOverrides = {}): JobBuilder =>
  aJob('j', spec)
    .published()
    .claimedBy('pc-1', { runnersUp: ['pc-3', 'pc-2'] })
    .created()
    .started();
const running = aRunning();
const vm = aVm(running.job, { released: true });
const source = aMachine('pc-1', { cordoned: true });
const occupied = aMachine('pc-1', { labels: { 'idlewild.dev/presence': 'present' } });

interface Case {
  readonly vm?: VirtualMachine;
  readonly vmi?: InstanceOverrides | VirtualMachineInstance;
  readonly job?: JobBuilder;
  readonly moving?: readonly Moving[];
  readonly silent?: readonly string[];
  readonly mayUnmark?: boolean;
  readonly nowS?: number;
}

function decide(nodes: Node[], o: Case = {}): EvacuationDecision {
  const { job = running, nowS = 0, moving = [], silent = [] } = o;
  const own = o.vm ?? vm;
  const vmi = o.vmi && 'metadata' in o.vmi ? o.vmi : aVmi(own, 'Running', 'pc-1', { evacuate: 'pc-1', ...o.vmi });
  const pool = poolOf({ nodes, jobs: [job.job], vms: [own], vmis: [vmi], migrations: [] });
  const verdicts = new Verdicts();
  verdicts.sync(pool);
  return evacuate({
    job: job.job,
    vm: own,
    vmi,
    migrations: [],
    pods: [],
    pool,
    verdicts,
    explain: true,
    moving,
    mayUnmark: o.mayUnmark ?? true,
    urgentWaits: false,
    isSilent: (machine) => silent.includes(machine),
    nowMs: noon + nowS * 1000,
    settings,
  });
}

describe('a machine that has fallen silent', () => {
  const nodes = [source, aMachine('pc-2'), aMachine('pc-3')];

  it('gets no guests, for it may be lost soon', () => {
    expect(decide(nodes, { silent: ['pc-3'] })).toMatchObject({ kind: 'migrate', target: 'pc-2' });
  });

  it('is looked at again soon when there is no other', () => {
    const decision = decide(nodes, { silent: ['pc-2', 'pc-3'] });
    expect(decision).toMatchObject({ kind: 'stay', reason: 'NoMachineForGuest', retryInMs: 1_000 });
    expect(decision).toHaveProperty('message', expect.stringContaining('2 NotReady'));
  });
});

describe('a guest whose machine is drained', () => {
  it('moves to the first runner-up that fits', () => {
    expect(decide([source, aMachine('pc-2'), aMachine('pc-3')])).toMatchObject({
      kind: 'migrate',
      name: 'j-1-m1',
      target: 'pc-3',
      leaving: { reason: 'Drained' },
      message: 'pc-1 is drained; moving to pc-3',
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
    ['has its own owner present', aMachine('pc-2', { labels: { 'idlewild.dev/presence': 'present' } })],
  ])('runs on where it is when the other machine %s', (_name, other) => {
    const decision = decide([source, other]);
    expect(decision).toMatchObject({ kind: 'stay', reason: 'NoMachineForGuest', cause: 'Drained' });
    expect((decision as { message: string }).message).toMatch(
      /^pc-1 is drained, but no machine can take the guest, which runs on: of the other machines 1 /,
    );
  });

  it('says that there is no other machine when it is so', () => {
    expect(decide([source])).toMatchObject({
      message: 'pc-1 is drained, but no machine can take the guest, which runs on: there is no other machine',
    });
  });

  it('leaves for that reason also when its owner is back', () => {
    const both = aMachine('pc-1', { cordoned: true, labels: { 'idlewild.dev/presence': 'present' } });
    expect(decide([both, aMachine('pc-2')])).toMatchObject({ kind: 'migrate', leaving: { reason: 'Drained' } });
  });

  it('is first released from its machine', () => {
    const pinned = aVm(running.job);
    expect(decide([source, aMachine('pc-2')], { vm: pinned })).toMatchObject({ kind: 'stay', reason: 'StillPinned' });
  });
});

describe('a guest whose owner is back', () => {
  const vmi = aVmi(vm, 'Running', 'pc-1');

  it('moves to another machine', () => {
    expect(decide([occupied, aMachine('pc-3')], { vmi })).toMatchObject({
      kind: 'migrate',
      target: 'pc-3',
      leaving: { reason: 'OwnerReturned' },
      message: 'the owner of pc-1 is back; moving to pc-3',
    });
  });

  it('stays when nobody can take it, and says so', () => {
    expect(decide([occupied], { vmi })).toMatchObject({
      kind: 'stay',
      reason: 'NoMachineForGuest',
      cause: 'OwnerReturned',
    });
  });

  it('is not made anew elsewhere when it cannot move', () => {
    const fixed = aVmi(vm, 'Running', 'pc-1', { migratable: 'A GPU is attached' });
    expect(decide([occupied, aMachine('pc-2')], { vmi: fixed })).toMatchObject({
      kind: 'stay',
      reason: 'NotMigratable',
      message:
        'the owner of pc-1 is back, but a GPU is attached; it runs on and is shut down at 12:01:00 UTC unless that changes',
    });
  });
});

describe('a guest that cannot move while it runs', () => {
  const vmi = { migratable: 'A GPU is attached' };

  it('is made anew elsewhere for a drain, if another machine fits', () => {
    expect(decide([source, aMachine('pc-2', { cpuVendor: 'Intel' })], { vmi })).toMatchObject({
      kind: 'recreate',
      target: 'pc-2',
      message: 'pc-1 is drained and a GPU is attached; it is made anew elsewhere',
    });
    expect(decide([source], { vmi })).toMatchObject({ kind: 'stay', reason: 'NoMachineForGuest' });
  });

  it('runs on when somebody works in it', () => {
    const job = aRunning({ mode: 'Session' });
    expect(decide([source, aMachine('pc-2')], { vmi, job })).toMatchObject({
      kind: 'stay',
      reason: 'NotMigratable',
      message: 'pc-1 is drained, but a GPU is attached; it runs on, as a session is not made anew',
    });
  });
});

describe('a guest that KubeVirt does not release from its machine', () => {
  const others = [source, aMachine('pc-2')];
  const frozen = aVm(running.job, {
    conditions: [{ type: 'RestartRequired', status: 'True', message: 'a non-live-updatable field was changed' }],
  });

  it('is given the time in which the cause may go away', () => {
    expect(decide(others, { vm: frozen })).toMatchObject({ kind: 'stay', reason: 'StillPinned' });
    const job = running.told('StillPinned');
    expect(decide(others, { vm: frozen, job, nowS: 59 })).toMatchObject({ kind: 'stay', reason: 'StillPinned' });
  });

  it('is then made anew elsewhere, and told why', () => {
    const job = running.told('StillPinned');
    expect(decide(others, { vm: frozen, job, nowS: 60 })).toMatchObject({
      kind: 'recreate',
      target: 'pc-2',
      message:
        'pc-1 is drained and KubeVirt does not release the guest from pc-1 while it runs (a non-live-updatable field was changed); it is made anew elsewhere',
    });
  });

  it('is made anew as well when every change of a template waits for the next start', () => {
    const vmi = aVmi(aVm(running.job), 'Running', 'pc-1', { evacuate: 'pc-1' });
    const job = running.told('StillPinned');
    expect(decide(others, { vm, vmi, job, nowS: 60 })).toMatchObject({ kind: 'recreate' });
  });

  it('runs on when that is only for its owner, when it is a session, or when nobody can take it', () => {
    const vmi = aVmi(frozen, 'Running', 'pc-1');
    const job = running.told('StillPinned');
    const expected = { kind: 'stay', reason: 'NotMigratable' };
    expect(decide([occupied, aMachine('pc-2')], { vm: frozen, vmi, job, nowS: 60 })).toMatchObject(expected);
    const session = aRunning({ mode: 'Session' }).told('StillPinned');
    expect(decide(others, { vm: frozen, job: session, nowS: 60 })).toMatchObject(expected);
    expect(decide([source], { vm: frozen, job, nowS: 60 })).toMatchObject({ reason: 'NoMachineForGuest' });
  });
});

describe('a guest waits for its turn', () => {
  const moving = (instance: string, from: string): Moving => ({ instance, from, to: 'pc-8', sinceMs: noon });
  const nodes = [source, aMachine('pc-2'), aMachine('pc-7'), aMachine('pc-9', { room: 'lab-b' })];

  it.each<[string, readonly Moving[], string | undefined]>([
    [
      'two guests of its machine',
      [moving('d/a', 'pc-1'), moving('d/b', 'pc-1')],
      '2 of its guests are on the way already',
    ],
    [
      'three guests of its room',
      [moving('d/a', 'pc-1'), moving('d/b', 'pc-7'), moving('d/c', 'pc-2')],
      '3 guests of room lab-a are on the way already',
    ],
    [
      'four guests in all',
      [moving('d/a', 'pc-1'), moving('d/b', 'pc-9'), moving('d/c', 'pc-9'), moving('d/d', 'pc-9')],
      '4 guests are on the way already',
    ],
    ['no more than may', [moving('d/a', 'pc-1'), moving('d/b', 'pc-9'), moving('d/c', 'pc-9')], undefined],
  ])('while there are on the way: %s', (_name, others, words) => {
    const decision = decide(nodes, { moving: others });
    if (words === undefined) expect(decision).toMatchObject({ kind: 'migrate' });
    else {
      const message = `pc-1 is drained, and ${words}; the guest runs on`;
      expect(decision).toMatchObject({ kind: 'stay', reason: 'WaitingForTurn', message });
    }
  });
});

describe('after failed moves', () => {
  const failed = (toNode: string, seconds: number, number: number) =>
    ({
      at: at(seconds),
      reason: 'MigrationFailed',
      rung: 'Migrate',
      attempt: 1,
      toNode,
      migration: `j-1-m${number}`,
    }) as const;
  const others = [source, aMachine('pc-2'), aMachine('pc-3')];

  it('another target is tried at once, the same one after a pause', () => {
    const job = running.ledger(failed('pc-3', 0, 1));
    expect(decide(others, { job, nowS: 1 })).toMatchObject({ kind: 'migrate', target: 'pc-2', name: 'j-1-m2' });
    const only = [source, aMachine('pc-3')];
    expect(decide(only, { job, nowS: 1 })).toMatchObject({
      kind: 'stay',
      reason: 'NoMachineForGuest',
      retryInMs: 1_000,
      message: expect.stringContaining('1 failed to take it a short while ago'),
    });
    expect(decide(only, { job, nowS: 2 })).toMatchObject({ kind: 'migrate', target: 'pc-3' });
  });

  it('nothing is tried for a while once two have failed, and longer after each', () => {
    const twice = running.ledger(failed('pc-3', 0, 1)).ledger(failed('pc-2', 10, 2));
    const fresh = [source, aMachine('pc-9')];
    expect(decide(fresh, { job: twice, nowS: 11 })).toEqual({ kind: 'wait', retryInMs: 1_000 });
    expect(decide(fresh, { job: twice, nowS: 12 })).toMatchObject({ kind: 'migrate', target: 'pc-9', name: 'j-1-m3' });
    const thrice = twice.ledger(failed('pc-9', 20, 3));
    expect(decide(fresh, { job: thrice, nowS: 20 })).toEqual({ kind: 'wait', retryInMs: 4_000 });
  });

  it('a good move in between makes them forgotten', () => {
    const good = { ...failed('pc-1', 20, 3), reason: 'Drained' };
    const job = running
      .ledger(failed('pc-3', 0, 1))
      .ledger(failed('pc-2', 10, 2))
      .ledger(good);
    expect(decide(others, { job, nowS: 21 })).toMatchObject({ kind: 'migrate', target: 'pc-3' });
  });
});

describe('what nobody wants any more', () => {
  const open = aMachine('pc-1');

  it('is taken back from KubeVirt when the machine takes guests again', () => {
    expect(decide([open, aMachine('pc-2')])).toEqual({ kind: 'unmark', node: 'pc-1' });
  });

  it('keeps no guest from its way when KubeVirt cannot take the mark back, as before 1.8', () => {
    expect(decide([open, aMachine('pc-2')], { mayUnmark: false })).toEqual({ kind: 'wait' });
    expect(decide([occupied, aMachine('pc-2')], { mayUnmark: false })).toMatchObject({
      kind: 'migrate',
      leaving: { reason: 'OwnerReturned' },
    });
  });

  it('is taken back when the mark names another machine than the guest runs on', () => {
    expect(decide([open], { vmi: { evacuate: 'pc-9' } })).toEqual({ kind: 'unmark', node: 'pc-9' });
  });

  it.each([
    'NoMachineForGuest',
    'StillPinned',
    'NotMigratable',
    'WaitingForTurn',
    'MigrationFailed',
    'Migrating',
  ] as const)('is settled when the guest was told %s', (reason) => {
    const vmi = aVmi(vm, 'Running', 'pc-1');
    expect(decide([open], { vmi, job: running.told(reason) })).toMatchObject({
      kind: 'settled',
      reason: 'CalledOff',
      message: 'pc-1 need not be left any more; the guest stays',
    });
  });

  it('leaves a notice of preemption alone', () => {
    const vmi = aVmi(vm, 'Running', 'pc-1');
    expect(decide([open], { vmi, job: running.told('Preempting') })).toEqual({ kind: 'wait' });
  });

  it('was a move when the instance says that it moved since', () => {
    const migrationState = { targetNode: 'pc-2', endTimestamp: at(5), completed: true };
    const vmi = aVmi(vm, 'Running', 'pc-2', { migrationState });
    const nodes = [source, aMachine('pc-2')];
    const told = running.told('Migrating', { at: 4 });
    expect(decide(nodes, { vmi, job: told })).toMatchObject({ kind: 'settled', reason: 'Migrated' });
    const later = running.told('Migrating', { at: 400 });
    expect(decide(nodes, { vmi, job: later })).toMatchObject({ kind: 'settled', reason: 'CalledOff' });
  });
});

describe('nothing is done', () => {
  const marked = aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1' });
  const bare = { ...marked, status: { ...marked.status, conditions: [] } };
  const notice = { by: 'default/other', notice: at(0), at: at(30) };
  it.each<[string, JobBuilder, VirtualMachineInstance]>([
    ['while nobody asks', running, aVmi(vm, 'Running', 'pc-3')],
    ['for a guest that has ended', running, aVmi(vm, 'Succeeded', 'pc-1', { evacuate: 'pc-1' })],
    ['for a guest that is being deleted', running, aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1', deleted: true })],
    ['for a guest that is still starting', running, aVmi(vm, 'Scheduled', 'pc-1', { evacuate: 'pc-1' })],
    ['while KubeVirt has not said whether it can move', running, bare],
    ['for a job that is being deleted', running.beingDeleted(), marked],
    ['for a job that has ended', running.finished('Completed'), marked],
    [
      'for a job that its user has stopped',
      new JobBuilder({ ...running.job, spec: { ...running.job.spec, stop: true } }),
      marked,
    ],
    ['for a job that makes room for another', running.with({ ...running.job.status, preemption: notice }), marked],
  ])('%s', (_name, job, vmi) => {
    expect(decide([source, aMachine('pc-2'), aMachine('pc-3')], { job, vmi })).toEqual({ kind: 'wait' });
  });

  it('for a guest on a machine that is lost, which is for recovery', () => {
    const lost = aMachine('pc-1', { cordoned: true, taints: [{ key: 'idlewild.dev/lost', effect: 'NoSchedule' }] });
    expect(decide([lost, aMachine('pc-2')])).toEqual({ kind: 'wait' });
  });
});
