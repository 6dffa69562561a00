// Every rung of the yield ladder: when it is taken, what is said, and how it is called off.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aVm, aVmi, type InstanceOverrides } from '../../../test/builders/guest.ts';
import { aJob, at, noon, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJobStatus } from '../api/compute-job.ts';
import type { MigrationState, VmiPhase } from '../api/kubevirt.ts';
import { poolOf } from '../model/pool.ts';
import { climb, type LadderDecision } from './decide.ts';
import * as statuses from './statuses.ts';

const settings = { freezeForMs: 20_000, migrateWithinMs: 120_000, parkWithinMs: 30_000 };
const checkpoint = { script: 'sync', within: '45s' };
type Policy = 'Migrate' | 'Freeze' | 'Restart';
type Standing = NonNullable<ComputeJobStatus['ladder']>;

interface Case {
  readonly policy?: Policy;
  readonly checkpoint?: boolean;
  readonly ladder?: Standing;
  readonly owner?: 'away' | 'memory' | { readonly leavesInS?: number };
  readonly paused?: 'PausedByUser' | 'PausedIOError' | 'PausedByMigrationMonitor';
  readonly migration?: 'prepares' | 'copies';
  readonly phase?: VmiPhase | 'gone';
  readonly halted?: boolean;
  readonly on?: string;
  /** The ledger says that it was frozen on pc-1, and its attempt already names the machine that it is on. */
  readonly recorded?: boolean;
  readonly nowS?: number;
}

const frozen = (seconds = 0): Standing => ({ since: at(0), frozen: at(seconds) });
const parking: Standing = { since: at(0), frozen: at(0), parking: at(140) };

function decide(o: Case = {}): LadderDecision {
  const { policy = 'Migrate', owner, nowS = 0, phase = 'Running', on = 'pc-1', halted = false } = o;
  const interruption: SpecOverrides['interruption'] = { ownerReturns: policy, ...(o.checkpoint ? { checkpoint } : {}) };
  const { job } = aJob('j', { interruption }).published().claimedBy('pc-1').created().started(-100);
  const moved = {
    attempts: (job.status?.attempts ?? []).map((attempt) => ({ ...attempt, node: on })),
    interruptions: [{ at: at(0), reason: 'Frozen', rung: 'Freeze', attempt: 1, node: 'pc-1' }],
  };
  const own = {
    ...job,
    status: { ...job.status, ...(o.ladder ? { ladder: o.ladder } : {}), ...(o.recorded ? moved : {}) },
  };
  const rendered = aVm(own, { released: true });
  const vm = halted ? { ...rendered, spec: { ...rendered.spec, runStrategy: 'Halted' as const } } : rendered;
  const copying: MigrationState = {
    migrationUid: 'uid-j-1-m1',
    sourceNode: on,
    targetNode: 'pc-2',
    startTimestamp: at(30),
  };
  const migrations = o.migration ? [aMigration(vm, 'pc-2', o.migration === 'copies' ? 'Running' : 'Scheduling')] : [];
  const overrides: InstanceOverrides = {
    ...(o.paused ? { conditions: [{ type: 'Paused', status: 'True', reason: o.paused }] } : {}),
    ...(o.migration === 'copies' ? { migrationState: copying } : {}),
  };
  const vmi = phase === 'gone' ? undefined : aVmi(vm, phase, on, overrides);
  const offer =
    owner === 'memory'
      ? { pressure: 'memory' }
      : typeof owner === 'object'
        ? { reason: 'Leaving', ...(owner.leavesInS === undefined ? {} : { leavesBy: at(nowS + owner.leavesInS) }) }
        : {};
  const occupied = aMachine('pc-1', owner === 'away' ? {} : { labels: { 'idlewild.dev/presence': 'present' } });
  const annotations = { ...occupied.metadata.annotations, 'idlewild.dev/offer': JSON.stringify(offer) };
  const nodes = [{ ...occupied, metadata: { ...occupied.metadata, annotations } }, aMachine('pc-2')];
  const pool = poolOf({ nodes, jobs: [own], vms: [vm], vmis: vmi ? [vmi] : [], migrations });
  return climb({ job: own, vm, vmi, migrations, pool, nowMs: noon + nowS * 1000, settings });
}

const back = 'the owner of pc-1 is back';

describe('a guest whose machine’s owner is back', () => {
  it.each<[string, Case, boolean, string]>([
    ['is frozen at once', {}, true, `${back}; the guest is frozen and moves at 12:00:20 UTC unless the owner leaves`],
    [
      'is frozen for good when its job is not to be moved',
      { policy: 'Freeze' },
      true,
      `${back}; the guest is frozen until the owner leaves`,
    ],
    [
      'is not frozen when the owner lacks memory',
      { owner: 'memory' },
      false,
      `${back} and short of memory; the guest moves at once`,
    ],
    [
      'is not frozen when the machine goes down',
      { owner: { leavesInS: 25 } },
      false,
      'pc-1 shuts down or goes to sleep; the guest moves at once',
    ],
    ['is not frozen while it is on its way', { migration: 'prepares' }, false, expect.any(String) as unknown as string],
    [
      'is not frozen when somebody has paused it',
      { paused: 'PausedByUser' },
      false,
      expect.any(String) as unknown as string,
    ],
    [
      'is frozen later when its move has failed',
      { ladder: { since: at(0) }, nowS: 5 },
      true,
      expect.any(String) as unknown as string,
    ],
  ])('%s', (_name, o, still, message) => {
    expect(decide(o)).toMatchObject({ kind: 'yield', node: 'pc-1', still, message });
  });

  it.each<[string, Case, Partial<LadderDecision>]>([
    ['is paused after the intent is written', { ladder: frozen() }, { kind: 'pause' }],
    ['is paused again when somebody lets it go on', { ladder: frozen(), nowS: 100 }, { kind: 'pause' }],
    [
      'is left alone until it would be parked',
      { ladder: frozen(), paused: 'PausedByUser', nowS: 30 },
      { kind: 'wait', retryInMs: 110_000 },
    ],
    [
      'is left alone for ever when it is not to be moved',
      { policy: 'Freeze', ladder: frozen(), paused: 'PausedByUser', nowS: 9_999 },
      { kind: 'wait' },
    ],
    [
      'is parked when its time to move is over',
      { ladder: frozen(), paused: 'PausedByUser', nowS: 140 },
      { kind: 'park', node: 'pc-1' },
    ],
    [
      'is parked although its move was begun',
      { ladder: frozen(), paused: 'PausedByUser', migration: 'prepares', nowS: 140 },
      { kind: 'park' },
    ],
    [
      'is not parked while its memory is copied',
      { ladder: frozen(), paused: 'PausedByUser', migration: 'copies', nowS: 140 },
      { kind: 'wait' },
    ],
    ['that starts is waited for', { phase: 'Scheduled' }, { kind: 'wait' }],
    [
      'is given up at once if its job says so',
      { policy: 'Restart', nowS: 20 },
      { kind: 'end', reason: 'OwnerReturned', secondsLost: 120 },
    ],
    [
      'that may not move is given up for the owner’s memory',
      { policy: 'Freeze', owner: 'memory' },
      { kind: 'end', reason: 'OwnerReturned' },
    ],
  ])('%s', (_name, o, wanted) => {
    expect(decide(o)).toMatchObject(wanted);
  });

  it.each<[string, Case, Partial<LadderDecision>]>([
    ['may move for half of the time', { owner: { leavesInS: 25 } }, { kind: 'wait', retryInMs: 12_500 }],
    ['is parked at once when there is too little', { owner: { leavesInS: 4 } }, { kind: 'park' }],
    ['is parked at once when nobody says how much there is', { owner: {} }, { kind: 'park' }],
    ['is parked at once when it may not move', { owner: { leavesInS: 25 }, policy: 'Freeze' }, { kind: 'park' }],
  ])('that goes down %s', (_name, o, wanted) => {
    expect(decide({ ladder: { since: at(0) }, ...o })).toMatchObject(wanted);
  });
});

describe('a guest whose machine’s owner has gone', () => {
  it.each<[string, Case, Partial<LadderDecision>]>([
    ['that was never told is left alone', {}, { kind: 'wait' }],
    ['is made to go on', { ladder: frozen(), paused: 'PausedByUser', nowS: 10 }, { kind: 'unpause' }],
    [
      'is waited for when it is not known yet to stand still',
      { ladder: frozen(), nowS: 1 },
      { kind: 'wait', retryInMs: 1_000 },
    ],
    [
      'goes on',
      { ladder: frozen(), nowS: 10 },
      { kind: 'resumed', stoodMs: 10_000, message: 'the owner of pc-1 has left; it goes on after 10 s' },
    ],
    [
      'goes on where it has moved to',
      { ladder: frozen(), on: 'pc-2', nowS: 40 },
      { kind: 'resumed', message: 'the guest has moved to pc-2; it goes on after 40 s' },
    ],
    [
      'goes on where its attempt is said to be by now',
      { ladder: frozen(), on: 'pc-2', recorded: true, nowS: 40 },
      { kind: 'resumed', message: 'the guest has moved to pc-2; it goes on after 40 s' },
    ],
    [
      'goes on in place after it was told',
      { ladder: frozen(), recorded: true, nowS: 10 },
      { kind: 'resumed', message: 'the owner of pc-1 has left; it goes on after 10 s' },
    ],
    [
      'that never stood still is forgotten',
      { ladder: { since: at(0) }, nowS: 10 },
      { kind: 'resumed', stoodMs: undefined },
    ],
    [
      'but whose disk fails is not made to go on',
      { ladder: frozen(), paused: 'PausedIOError', nowS: 10 },
      { kind: 'resumed' },
    ],
    [
      'that somebody else has paused is not made to go on',
      { ladder: { since: at(0) }, paused: 'PausedByUser', nowS: 10 },
      { kind: 'resumed' },
    ],
    [
      'arrives before it goes on',
      { ladder: frozen(), paused: 'PausedByUser', migration: 'copies', nowS: 40 },
      { kind: 'wait' },
    ],
  ])('%s', (_name, o, wanted) => {
    expect(decide({ owner: 'away', ...o })).toMatchObject(wanted);
  });
});

describe('a guest that is parked', () => {
  it.each<[string, Case, Partial<LadderDecision>]>([
    ['is awake before it is asked', { paused: 'PausedByUser', nowS: 140 }, { kind: 'unpause' }],
    ['is left to KubeVirt for the last of a copy', { paused: 'PausedByMigrationMonitor', nowS: 140 }, { kind: 'halt' }],
    ['is asked', { nowS: 141 }, { kind: 'halt' }],
    ['is asked although the owner has gone meanwhile', { owner: 'away', nowS: 141 }, { kind: 'halt' }],
    ['has its time', { halted: true, nowS: 141 }, { kind: 'wait', retryInMs: 31_000 }],
    [
      'has the time that its job gives it',
      { halted: true, checkpoint: true, nowS: 141 },
      { kind: 'wait', retryInMs: 46_000 },
    ],
    [
      'ends',
      { halted: true, phase: 'gone', checkpoint: true, nowS: 150 },
      { kind: 'end', reason: 'Parked', secondsLost: 0 },
    ],
    [
      'has saved nothing when its power was taken',
      { halted: true, phase: 'Failed', checkpoint: true, nowS: 150 },
      { kind: 'end', reason: 'Parked', secondsLost: 100 },
    ],
    [
      'ends with its instance still there',
      { halted: true, phase: 'Succeeded', nowS: 150 },
      { kind: 'end', reason: 'Parked', secondsLost: 100 },
    ],
    [
      'is ended when it does not',
      { halted: true, nowS: 172 },
      { kind: 'end', reason: 'OwnerReturned', secondsLost: 100 },
    ],
  ])('%s', (_name, o, wanted) => {
    expect(decide({ ladder: parking, ...o })).toMatchObject(wanted);
  });
});

describe('the status', () => {
  const { job } = aJob('j').published().claimedBy('pc-1').created().started();
  const told = (seconds: number, message: string) => ({ at: at(seconds), attempt: 1, node: 'pc-1', message });

  it('counts what a guest stood still, and forgets the ladder when it goes on', () => {
    const still = { ...job, status: statuses.yields(job, { ...told(10, 'frozen'), still: true }) };
    expect(still.status.ladder).toEqual({ since: at(10), frozen: at(10) });
    const on = statuses.goesOn(still, { ...told(25, 'on'), seconds: 15 });
    expect(on.ladder).toBeUndefined();
    expect(on.attempts?.[0]?.secondsStill).toBe(15);
    expect(on.conditions?.find(({ type }) => type === 'Interrupted')).toMatchObject({
      status: 'False',
      reason: 'Resumed',
    });
    expect(on.interruptions).toMatchObject([
      { reason: 'Frozen', rung: 'Freeze' },
      { reason: 'Resumed', rung: 'Freeze', seconds: 15 },
    ]);
  });

  it('keeps since when the owner is back, whatever the rung', () => {
    const still = { ...job, status: statuses.yields(job, { ...told(10, 'frozen'), still: true }) };
    expect(statuses.parks(still, told(150, 'parked')).ladder).toEqual({
      since: at(10),
      frozen: at(10),
      parking: at(150),
    });
  });
});
