// What the yield ladder says in the status of a job, for people who look at a list of jobs.
import { describe, expect, it } from '@jest/globals';
import { aJob, at, type JobBuilder } from '../../../test/builders/job.ts';
import { getCondition } from '../api/conditions.ts';
import { goesOn, parks, yields } from './statuses.ts';

const told = { at: at(60), attempt: 1, node: 'pc-1', message: 'the owner of pc-1 is back; the guest is frozen' };
const running = aJob('j').published().claimedBy('pc-1').created().started(10);
const frozen = running.with(yields(running.job, { ...told, still: true }));
const gone = { ...told, at: at(90), message: 'the owner of pc-1 has gone; the guest goes on' };
const row = ({ job }: JobBuilder) => ({ reason: job.status?.reason, message: job.status?.message });

describe('the reason of a job', () => {
  it('is that its guest stands still, from the decision on, and that it goes on afterwards', () => {
    expect(row(frozen)).toEqual({ reason: 'Frozen', message: told.message });
    expect(frozen.job.status).toMatchObject({ phase: 'Running', ladder: { since: at(60), frozen: at(60) } });
    const resumed = frozen.with(goesOn(frozen.job, { ...gone, seconds: 30 }));
    expect(row(resumed)).toEqual({ reason: 'Resumed', message: gone.message });
    expect(getCondition(resumed.job.status?.conditions, 'Interrupted')).toMatchObject({ status: 'False' });
  });

  it('is taken back when the owner went before the guest stood still', () => {
    expect(row(frozen.with(goesOn(frozen.job, { ...gone, seconds: undefined })))).toEqual({
      reason: 'Resumed',
      message: gone.message,
    });
  });

  it('is that its guest is to save its work', () => {
    const message = 'the guest is shut down within 30 s';
    expect(row(frozen.with(parks(frozen.job, { ...told, message })))).toEqual({ reason: 'Parking', message });
  });

  it('stays what it was for a guest that is only held back', () => {
    const yielding = running.with(yields(running.job, { ...told, still: false }));
    expect(row(yielding)).toEqual(row(running));
    expect(row(yielding.with(goesOn(yielding.job, { ...gone, seconds: undefined })))).toEqual(row(running));
  });
});
