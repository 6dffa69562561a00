import { describe, expect, it } from '@jest/globals';
import { jobRowOf } from '@idlewild/operator/portal/rows.ts';
import { aJob, at, JobBuilder } from '../../../test/builders/job.ts';
import { sentenceOf, stateOf, type JobState } from './job-state.ts';

const running = aJob('render').published().claimedBy('pc-1').created().started(1);
const stopped = ({ job }: JobBuilder) => new JobBuilder({ ...job, spec: { ...job.spec, stop: true } });
const onLadder = (ladder: { frozen?: string; parking?: string }): JobBuilder =>
  running.with({ ...running.job.status, ladder: { since: at(0), ...ladder } });

describe('the state of a job', () => {
  it.each<[string, JobBuilder, JobState]>([
    ['is new', aJob('a'), 'Waiting'],
    ['is published', aJob('a').published(), 'Waiting'],
    ['has a machine', aJob('a').published().claimedBy('pc-1'), 'Starting'],
    ['runs', running, 'Running'],
    ['is being moved', running.told('Migrating'), 'Moving'],
    ['was moved', running.told('Migrated', { active: false }), 'Running'],
    ['stands still', onLadder({ frozen: at(1) }), 'Frozen'],
    ['stands still and finds no machine', onLadder({ frozen: at(1) }).told('NoMachineForGuest'), 'Frozen'],
    ['is moved standing still', onLadder({ frozen: at(1) }).told('Migrating'), 'Moving'],
    ['has its owner back', onLadder({}), 'Slowed'],
    ['is asked to shut down', onLadder({ parking: at(2) }), 'Parking'],
    ['was parked', running.ended('Parked', { at: 2 }), 'Parked'],
    ['lost its machine', running.ended('MachineLost', { at: 2 }), 'Restarting'],
    ['starts for the second time', running.ended('MachineLost', { at: 2 }).claimedBy('pc-2'), 'Restarting'],
    ['is done', running.finished('Completed', { at: 3 }), 'Done'],
    ['has failed', running.finished('ScriptFailed', { at: 3, outcome: 'Failed' }), 'Failed'],
    ['is being deleted', running.beingDeleted(), 'Stopping'],
    ['is being stopped', stopped(running), 'Stopping'],
    ['is being stopped while it waits', stopped(aJob('a').published()), 'Stopping'],
    ['was stopped', stopped(running.finished('Stopped', { at: 3, outcome: 'Failed' })), 'Stopped'],
    ['was a session that was stopped', stopped(running.finished('Stopped', { at: 3 })), 'Stopped'],
    ['was done before it was stopped', stopped(running.finished('Completed', { at: 3 })), 'Done'],
  ])('of one that %s is %#', (_what, { job }, state) => {
    const row = jobRowOf(job);
    expect(stateOf(row)).toBe(state);
    expect(sentenceOf(row)).not.toContain('undefined');
  });

  it('says the place in line before the reason', () => {
    const row = { ...jobRowOf(aJob('a').published().job), position: 22, message: '3 owners are there' };
    expect(sentenceOf(row)).toBe('22nd in line; 3 owners are there');
    expect(sentenceOf({ ...row, message: '22nd in line; 3 owners' })).toBe('22nd in line; 3 owners');
  });
});
