// Status changes only by named transitions; phase follows from conditions.
import { describe, expect, it } from '@jest/globals';
import { aJob, at } from '../../../test/builders/job.ts';
import { lastAttempt } from './job.ts';
import * as status from './status.ts';

const running = aJob('j').published(1).claimedBy('pc-1', { at: 2 }).created(3).started(5);

describe('the phase', () => {
  it('follows a job from its publication to its end', () => {
    const job = aJob('j');
    const phases = [
      job.published(),
      job.published().claimedBy('pc-1'),
      job.published().claimedBy('pc-1').created(),
      running,
      running.finished('Completed'),
      running.finished('ScriptFailed', { outcome: 'Failed' }),
    ].map((builder) => builder.job.status?.phase);
    expect(phases).toEqual(['Published', 'Starting', 'Starting', 'Running', 'Succeeded', 'Failed']);
  });

  it('is Waiting while no machine is ready, and no trace of waiting is left after the claim', () => {
    const job = aJob('j').published();
    const waits = job.with(
      status.waiting(job.job, { reason: 'Cordoned', message: 'w', waiting: { position: 1 }, at: at(0) }),
    );
    expect(waits.job.status).toMatchObject({ phase: 'Waiting', reason: 'Cordoned', waiting: { position: 1 } });
    expect(waits.claimedBy('pc-1').job.status).not.toHaveProperty('waiting');
  });
});

describe('an attempt', () => {
  it('carries the time of each step, in order', () => {
    expect(lastAttempt(running.job)).toEqual({
      number: 1,
      node: 'pc-1',
      virtualMachine: 'j-1',
      claimed: at(2),
      created: at(3),
      running: at(5),
      started: at(5),
    });
  });

  it('that ended leaves its story, counts as a failure only when told, and frees the job for the next', () => {
    const lost = status.attemptEnded(running.job, {
      at: at(9),
      reason: 'MachineLost',
      message: 'm',
      secondsLost: 4.00049,
      failure: false,
    });
    expect(lost).toMatchObject({ failures: 0, reason: 'MachineLost', phase: 'Published' });
    expect(lost).not.toHaveProperty('node');
    expect(lost.attempts).toEqual([expect.objectContaining({ ended: at(9), reason: 'MachineLost', secondsLost: 4 })]);
    const again = running.with(lost).claimedBy('pc-2', { at: 10 });
    expect(again.job.status).toMatchObject({ attempt: 2, node: 'pc-2', phase: 'Starting' });
    expect(again.job.status?.attempts).toHaveLength(2);
    expect(
      status.attemptEnded(running.job, { at: at(9), reason: 'ScriptFailed', message: 'm', failure: true }).failures,
    ).toBe(1);
  });

  it('that ended takes along whether its guest could move', () => {
    const mobility = { yes: true, reason: 'Migratable', message: 'm' };
    const mobile = running.with(status.migratable(running.job, { ...mobility, at: at(6) }));
    expect(mobile.job.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Migratable' }));
    const { conditions } = mobile.ended('MachineLost', { at: 9 }).job.status ?? {};
    expect(conditions).not.toContainEqual(expect.objectContaining({ type: 'Migratable' }));
  });

  it('keeps the first start of the job as its start time', () => {
    const again = running.ended('MachineLost', { at: 9 }).claimedBy('pc-2', { at: 10 }).created(11).started(12);
    expect(again.job.status?.startTime).toBe(at(5));
  });
});

describe('the ledger', () => {
  it('keeps the last twenty lines', () => {
    let job = running;
    for (let n = 0; n < 25; n++) job = job.with(status.recorded(job.job, { at: at(n), reason: 'Drained' }));
    expect(job.job.status?.interruptions).toHaveLength(20);
    expect(job.job.status?.interruptions?.at(-1)?.at).toBe(at(24));
  });
});

describe('a transition', () => {
  it('changes nothing of what it was given', () => {
    const before = structuredClone(running.job);
    status.attemptEnded(running.job, { at: at(9), reason: 'Completed', message: '', failure: false });
    status.moved(running.job, 'pc-9');
    status.interrupted(running.job, { active: true, reason: 'Migrating', message: '', at: at(9) });
    expect(running.job).toEqual(before);
  });

  it('a guest that moved is said to be where it is, and other news about it stays', () => {
    const running = aJob('j').published().claimedBy('pc-1').created().started();
    expect(status.moved(running.job, 'pc-9')).toMatchObject({ node: 'pc-9', message: 'it runs on pc-9 now' });
    const resumed = running.with(status.noted(running.job, { reason: 'Resumed', message: 'it goes on on pc-1' }));
    expect(status.moved(resumed.job, 'pc-9')).toMatchObject({ reason: 'Started', message: 'it runs on pc-9 now' });
    const paused = running.with(status.noted(running.job, { reason: 'GuestPaused', message: 'its disk fails' }));
    expect(status.moved(paused.job, 'pc-9')).toMatchObject({ node: 'pc-9', message: 'its disk fails' });
  });
});
