import { describe, expect, it } from '@jest/globals';
import { aJob, type JobBuilder } from '../../../test/builders/job.ts';
import type { LineState } from './link.ts';
import { overlayOf, placeOf } from './place.ts';

const live: LineState = { kind: 'live' };
const broken: LineState = { kind: 'broken', retryAt: 0 };
const running = aJob('desk', { mode: 'Session' }).published().claimedBy('pc-1').created().started(1);
const lost = running.ended('MachineLost', { at: 2 });
const still = (job: JobBuilder): JobBuilder =>
  job.with({ ...job.job.status, ladder: { since: '2026-01-01T12:00:00Z', frozen: '2026-01-01T12:00:01Z' } });

describe('the place of a guest', () => {
  it('is there once the guest is made, and gone once it has ended', () => {
    expect(placeOf(aJob('desk').published().claimedBy('pc-1').job)).toBeUndefined();
    expect(placeOf(running.job)).toEqual({ attempt: 1, node: 'pc-1' });
    expect(placeOf(lost.job)).toBeUndefined();
    expect(placeOf(lost.claimedBy('pc-2').created(4).job)).toEqual({ attempt: 2, node: 'pc-2' });
  });
});

describe('what is told over a console', () => {
  it.each<[string, JobBuilder, LineState, string | undefined, boolean | undefined]>([
    ['works', running, live, undefined, undefined],
    ['has lost its line', running, broken, 'Connection lost', true],
    ['has lost its machine', lost, { kind: 'noGuest' }, 'pc-1 was lost; waiting for a new machine', true],
    [
      'gets another machine',
      lost.claimedBy('pc-2').created(4),
      { kind: 'opening' },
      'pc-1 was lost; attempt 2 starts on pc-2',
      true,
    ],
    ['answers on another machine', lost.claimedBy('pc-2').created(4).started(9), live, undefined, undefined],
    ['stands still', still(running), live, 'Paused: the owner of pc-1 is back', true],
    ['moves standing still', still(running).told('Migrating'), live, 'Moving to another machine', false],
    [
      'finds no machine standing still',
      still(running).told('NoMachineForGuest'),
      live,
      'Paused: the owner of pc-1 is back',
      true,
    ],
    ['moves', running.told('Migrating'), live, 'Moving to another machine', false],
    ['has moved', running.told('Migrated', { active: false }), live, undefined, undefined],
    ['finds no machine to move to', running.told('NoMachineForGuest'), live, undefined, undefined],
    ['was parked', running.ended('Parked', { at: 2 }), { kind: 'noGuest' }, 'Shut down and waiting', true],
    ['is done', running.finished('SessionEnded', { at: 3 }), { kind: 'noGuest' }, 'Finished', true],
  ])('of one that %s', (_what, { job }, line, title, covers) => {
    const told = overlayOf(job, line);
    expect(told?.title).toBe(title);
    expect(told?.covers).toBe(covers);
    expect(told?.line ?? '').not.toContain('undefined');
  });
});
