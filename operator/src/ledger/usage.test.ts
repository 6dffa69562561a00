// What a job is charged.
import { describe, expect, it } from '@jest/globals';

import { attemptEnds, type AttemptEnd } from '../model/reasons.ts';
import * as status from '../model/status.ts';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { chargeOf, isTakenByLab, usageOf } from './usage.ts';

const big = { resources: { cores: 4, memory: '2Gi' } };
const attempt = {
  number: 1,
  node: 'pc-1',
  virtualMachine: 'render-1',
  claimed: at(0),
  started: at(10),
  ended: at(100),
};
const usage = (...attempts: Parameters<typeof usageOf>[1]) => usageOf(aJob('render', big).job.spec, attempts);

describe('a job is charged', () => {
  it('from the claim to the end of each attempt, in core-seconds and GiB-seconds', () => {
    expect(usage({ ...attempt, reason: 'Completed' })).toEqual({
      coreSeconds: 400,
      memoryGiBSeconds: 200,
      lostCoreSeconds: 0,
    });
  });

  it('for failed attempts of its own too', () => {
    const failed = { ...attempt, reason: 'ScriptFailed' };
    const second = { ...attempt, number: 2, claimed: at(200), ended: at(250), reason: 'Completed' };
    expect(usage(failed, second)).toMatchObject({ coreSeconds: 600, lostCoreSeconds: 0 });
  });

  it('nothing for an attempt that is not over', () => {
    const { ended: _open, ...open } = attempt;
    expect(usage(open)).toEqual({ coreSeconds: 0, memoryGiBSeconds: 0, lostCoreSeconds: 0 });
  });

  it('nothing for the seconds in which its guest stood still', () => {
    expect(usage({ ...attempt, reason: 'Completed', secondsStill: 10 })).toMatchObject({ coreSeconds: 360 });
  });

  it('never less than nothing, whatever the times say', () => {
    expect(usage({ ...attempt, reason: 'Completed', secondsStill: 1000 })).toMatchObject({ coreSeconds: 0 });
    expect(usage({ ...attempt, reason: 'Completed', ended: at(-50) })).toMatchObject({ coreSeconds: 0 });
    expect(usage({ ...attempt, reason: 'MachineLost', claimed: 'nonsense' })).toMatchObject({ lostCoreSeconds: 0 });
  });

  const taken: AttemptEnd[] = ['MachineLost', 'Drained', 'OwnerReturned', 'Preempted', 'TakenAway'];
  it.each(taken)('nothing for an attempt that ended as %s; its work is lost', (reason) => {
    expect(usage({ ...attempt, reason, secondsLost: 90 })).toEqual({
      coreSeconds: 0,
      memoryGiBSeconds: 0,
      lostCoreSeconds: 360,
    });
    expect(usage({ ...attempt, reason })).toMatchObject({ lostCoreSeconds: 400 });
    expect(chargeOf(aJob('render', big).job, { ...attempt, reason }, noon)).toBeUndefined();
  });

  it('for every other end', () => {
    expect(attemptEnds.filter((reason) => !isTakenByLab(reason)).sort()).toEqual([
      'Completed',
      'GuestCrashed',
      'GuestEndedWithoutExit',
      'Parked',
      'ScriptFailed',
      'SessionEnded',
      'StartFailed',
      'Stopped',
      'WalltimeExceeded',
    ]);
  });
});

describe('the charge of an attempt', () => {
  it('is an interval that is as long as what is charged', () => {
    const { job } = aJob('render', big);
    expect(chargeOf(job, { ...attempt, reason: 'Completed', secondsStill: 5 }, noon)).toEqual({
      uid: 'uid-render',
      attempt: 1,
      namespace: 'default',
      cores: 4,
      memoryMiB: 2048,
      fromMs: noon,
      toMs: noon + 95_000,
    });
  });

  it('of an attempt that goes on is counted until the time given', () => {
    const { ended: _open, ...open } = attempt;
    expect(chargeOf(aJob('render', big).job, open, noon + 30_000)).toMatchObject({ toMs: noon + 30_000 });
  });
});

describe('the status', () => {
  const running = aJob('render', big).published().claimedBy('pc-1').created(1).started(10);

  it('gets the usage with the end of the attempt, and adds up over attempts', () => {
    const lost = running.ended('MachineLost', { at: 100 });
    expect(lost.job.status?.usage).toEqual({ coreSeconds: 0, memoryGiBSeconds: 0, lostCoreSeconds: 400 });
    const again = lost.claimedBy('pc-2', { at: 120 }).created(121).started(122);
    expect(again.job.status?.usage).toMatchObject({ coreSeconds: 0, lostCoreSeconds: 400 });
    expect(again.finished('Completed', { at: 220 }).job.status?.usage).toEqual({
      coreSeconds: 400,
      memoryGiBSeconds: 200,
      lostCoreSeconds: 400,
    });
  });

  it('has no usage before the first end, not even when the guest stood still', () => {
    expect(running.job.status?.usage).toBeUndefined();
    expect(status.stoodStill(running.job, { attempt: 1, seconds: 2 }).usage).toBeUndefined();
  });

  it('is charged anew when a standstill becomes known after the end', () => {
    const over = running.finished('Completed', { at: 100 });
    const late = status.stoodStill(over.job, { attempt: 1, seconds: 20 });
    expect(late.usage).toMatchObject({ coreSeconds: 320 });
  });
});
