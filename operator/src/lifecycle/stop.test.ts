// What becomes of a job whose user sets spec.stop, at each moment of its life.
import { describe, expect, it } from '@jest/globals';
import { aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at, noon, type JobBuilder, type SpecOverrides } from '../../../test/builders/job.ts';
import type { VmiPhase } from '../api/kubevirt.ts';
import { getCondition, isTrue } from '../api/conditions.ts';
import { notesOf } from '../ledger/recall.ts';
import { isFinished, isUnclaimed } from '../model/job.ts';
import * as status from '../model/status.ts';
import { decideLifecycle, nothingRead, type LifecycleDecision, type LifecycleInput } from './decide.ts';

const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };
const listening = { started: true, reboots: 0, current: true, complete: false };
const heardOut = { ...listening, complete: true };

const stopped = (spec: SpecOverrides = {}): JobBuilder => aJob('j', { ...spec, stop: true });
const claimed = (spec: SpecOverrides = {}) => stopped(spec).published().claimedBy('pc-1');
const running = (spec: SpecOverrides = {}) => claimed(spec).created().started();
const session = { mode: 'Session' } as const;

interface Scene {
  /** Of the last attempt's instance; undefined: there is no virtual machine. */
  readonly phase?: VmiPhase;
  readonly input?: Partial<LifecycleInput>;
}

function decide({ job }: JobBuilder, { phase, input }: Scene = {}): LifecycleDecision[] {
  const vm = phase === undefined ? undefined : aVm(job, { released: true });
  const vmi = vm && phase !== undefined ? aVmi(vm, phase, 'pc-1') : undefined;
  return decideLifecycle({
    job,
    vms: vm ? [vm] : [],
    vmis: vmi ? [vmi] : [],
    guest: { vm, vmi, pods: vm ? [aPod(vm, 'pc-1')] : [], migrations: [] },
    console: nothingRead,
    machineLost: false,
    nowMs: noon + 1_000,
    settings,
    ...input,
  });
}

const kinds = (decisions: readonly LifecycleDecision[]): string[] => decisions.map(({ kind }) => kind);
const onLadder = (builder: JobBuilder, ladder: { frozen?: string; parking?: string }): JobBuilder =>
  builder.with({ ...builder.job.status, ladder: { since: at(0), ...ladder } });

describe('a stopped job that has no machine', () => {
  const lost = claimed().ended('MachineLost');
  const ran = (spec?: SpecOverrides) => running(spec).ended('MachineLost');
  it.each<[string, JobBuilder, 'Succeeded' | 'Failed', RegExp]>([
    ['is new', stopped(), 'Failed', /before it had started$/],
    ['is published', stopped().published(), 'Failed', /before it had started$/],
    ['had a machine that was lost while it started', lost, 'Failed', /before it had started$/],
    ['is a batch that ran before', ran(), 'Failed', /before it had started again$/],
    ['is a session that never ran', claimed(session).ended('StartFailed'), 'Failed', /before it had started$/],
    ['is a session that ran before', ran(session), 'Succeeded', /before it had started again$/],
    ['failed and was to be repeated', running().ended('ScriptFailed', { failure: true }), 'Failed', /again$/],
    ['was parked', running().ended('Parked'), 'Failed', /again$/],
    ['made room for another', running().ended('Preempted'), 'Failed', /again$/],
  ])('and %s is over at once', (_what, job, outcome, message) => {
    expect(decide(job)).toEqual([
      { kind: 'stop', reason: 'Stopped', outcome, failure: false, message: expect.stringMatching(message) },
    ]);
  });

  it('has the guest of its former attempt taken away first', () => {
    const job = claimed().ended('StartFailed');
    expect(kinds(decide(job, { phase: 'Running' }))).toEqual(['deleteVm', 'stop']);
  });

  it('waits for nothing: it is in no line, and nothing is claimed for it', () => {
    expect([aJob('j').published(), stopped(), stopped().published(), ran()].map(({ job }) => isUnclaimed(job))).toEqual(
      [true, false, false, false],
    );
  });
});

describe('a stopped job that has a machine', () => {
  it.each<[string, JobBuilder, Scene, 'Succeeded' | 'Failed']>([
    ['has no virtual machine yet', claimed(), {}, 'Failed'],
    ['starts', claimed().created(), { phase: 'Scheduling' }, 'Failed'],
    ['boots', claimed().created(), { phase: 'Running' }, 'Failed'],
    ['runs', running(), { phase: 'Running' }, 'Failed'],
    ['is a session that starts', claimed(session).created(), { phase: 'Running' }, 'Failed'],
    ['is a session that runs', running(session), { phase: 'Running' }, 'Succeeded'],
    ['stands still for an owner', onLadder(running(), { frozen: at(0) }), { phase: 'Running' }, 'Failed'],
    ['is asked to save its work', onLadder(running(), { parking: at(0) }), { phase: 'Running' }, 'Failed'],
    ['had its virtual machine taken away', running(), {}, 'Failed'],
    ['moved', running().told('Migrating'), { phase: 'Running' }, 'Failed'],
  ])('and %s ends with its attempt', (_what, job, { phase }, outcome) => {
    const console = { ...listening, started: job.job.status?.startTime !== undefined };
    const end = decide(job, { ...(phase === undefined ? {} : { phase }), input: { console } }).find(
      ({ kind }) => kind === 'end',
    );
    expect(end).toMatchObject({ reason: 'Stopped', outcome, failure: false });
  });

  it('makes no virtual machine any more', () => {
    expect(kinds(decide(claimed()))).toEqual(['end']);
  });

  it('is heard out first, as its script may have ended while nobody listened', () => {
    expect(kinds(decide(running(), { phase: 'Running' }))).toEqual(['readConsole', 'wake']);
    expect(kinds(decide(running(), { phase: 'Succeeded', input: { console: listening } }))).toEqual([
      'readConsole',
      'wake',
    ]);
    expect(kinds(decide(running(), { phase: 'Succeeded', input: { console: heardOut } }))).toEqual(['end']);
  });

  it.each<[number, SpecOverrides, object]>([
    [0, {}, { reason: 'Completed', outcome: 'Succeeded' }],
    [3, {}, { reason: 'ScriptFailed', outcome: 'Failed' }],
    [
      3,
      { retries: { limit: 2, when: ['ScriptFailed'] } },
      {
        reason: 'ScriptFailed',
        outcome: 'Failed',
        message: expect.stringMatching(/not repeated: stopped by its user/),
      },
    ],
  ])('keeps the exit code %d that its script had reported, and is not repeated (%j)', (exitCode, spec, end) => {
    const input = { console: { ...listening, exitCode } };
    expect(decide(running(spec), { phase: 'Running', input })).toContainEqual(expect.objectContaining(end));
  });

  it('is left to recovery while its machine counts as lost: only a sealed machine has no guest any more', () => {
    const input = { console: listening, machineLost: true };
    expect(kinds(decide(running(), { phase: 'Running', input }))).toEqual(['wake']);
    expect(kinds(decide(claimed(), { phase: 'Scheduling', input: { machineLost: true } }))).toEqual(['wake']);
    expect(kinds(decide(claimed(), { input: { machineLost: true } }))).toEqual(['wake']);
    expect(kinds(decide(running().ended('MachineLost'), { input }))).toEqual(['stop']);
  });

  it('has its start written first, so that a session that ran is known as one', () => {
    const job = claimed(session).created();
    expect(kinds(decide(job, { phase: 'Running', input: { console: listening } }))).toEqual(['started']);
  });
});

describe('a job that is over', () => {
  it.each(['Completed', 'ScriptFailed', 'SessionEnded'] as const)('is not changed by being stopped (%s)', (reason) => {
    const job = running().finished(reason, { at: 1 });
    expect(kinds(decide(job, { phase: 'Succeeded' }))).toEqual([]);
  });

  it('because it was stopped has its virtual machine taken away', () => {
    const job = running().finished('Stopped', { outcome: 'Failed' });
    expect(kinds(decide(job, { phase: 'Running' }))).toEqual(['deleteVm']);
  });
});

describe('the record of a job that was stopped while it waited', () => {
  const end = { outcome: 'Failed', reason: 'Stopped', message: 'stopped by its user', at: at(5) } as const;
  const reasonsOf = ({ job }: JobBuilder) => notesOf(job).map(({ reason }) => reason);

  it('says that it is over, why, and that no machine has it', () => {
    const waits = stopped().published();
    const told = { reason: 'NoMachines', message: 'none', waiting: { position: 1 }, at: at(1) } as const;
    const { job } = waits.with(status.waiting(waits.job, told));
    const next = status.stopped(job, end);
    expect(next).toMatchObject({ phase: 'Failed', reason: 'Stopped', message: end.message, finishTime: at(5) });
    expect(next.waiting).toBeUndefined();
    expect(getCondition(next.conditions, 'Claimed')).toMatchObject({ status: 'False', reason: 'Stopped' });
    expect([isTrue(next.conditions, 'Failed'), isFinished({ ...job, status: next })]).toEqual([true, true]);
    expect(next.usage).toBeUndefined();
  });

  it('of one that nobody had looked at claims no more than that', () => {
    const { job } = stopped();
    expect(status.stopped(job, end).conditions?.map(({ type }) => type)).toEqual(['Failed']);
  });

  it('is completed from its status by an operator whose predecessor was killed before it told', () => {
    const waits = stopped().published();
    expect(reasonsOf(waits.with(status.stopped(waits.job, end)))).toEqual(['Published', 'Stopped', 'Finished']);
    const lost = claimed().ended('MachineLost');
    const after = reasonsOf(lost.with(status.stopped(lost.job, end)));
    expect(after.slice(-3)).toEqual(['MachineLost', 'Stopped', 'Finished']);
    const ran = running().finished('Stopped', { outcome: 'Failed' });
    expect(reasonsOf(ran.with({ ...ran.job.status })).filter((reason) => reason === 'Stopped')).toHaveLength(1);
  });
});
