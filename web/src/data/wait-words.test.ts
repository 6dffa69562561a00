import { describe, expect, it } from '@jest/globals';
import { machineReasons } from '@idlewild/operator/model/reasons.ts';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { machinesAre } from './fit-words.ts';
import { waitOf } from './wait-words.ts';

const published = aJob('a').published();
const reasons = [
  { reason: 'OwnerPresent', machines: 5, names: ['pc-1', 'pc-2'] },
  { reason: 'InsufficientMemory', machines: 2, names: ['pc-9'], message: '8 GiB of memory wanted, 4 GiB there' },
];
const waiting = (more: object) => published.with({ ...published.job.status, waiting: { reasons, ...more } }).job;

describe('why a job waits', () => {
  it('is told machine by machine, with the place in line and the time', () => {
    const wait = waitOf(waiting({ position: 3, estimate: at(1800) }), noon);
    expect(wait).toMatchObject({
      place: '3rd in line',
      estimate: expect.stringMatching(/^about .* in 30 min, if the jobs before it/),
      rows: [
        { machines: 5, words: 'with their owner there', names: ['pc-1', 'pc-2'] },
        { machines: 2, words: 'short of memory', detail: '8 GiB of memory wanted, 4 GiB there' },
      ],
    });
  });

  it('says that the time is unknown rather than one that nobody knows', () => {
    expect(waitOf(waiting({}), noon)).toMatchObject({ place: undefined, estimate: expect.stringMatching(/^unknown/) });
    expect(waitOf(waiting({ estimate: at(-60) }), noon)?.estimate).toContain('which is over');
    const never = waiting({ estimate: at(60) });
    const status = { ...never.status, reason: 'Unsatisfiable' };
    expect(waitOf({ ...never, status }, noon)?.estimate).toBe('never, as the lab is now');
  });

  it('is nothing once it has a machine, or is over', () => {
    expect(waitOf(published.claimedBy('pc-1').job, noon)).toBeUndefined();
    expect(waitOf(published.claimedBy('pc-1').finished('Completed').job, noon)).toBeUndefined();
  });

  it.each(machineReasons)('has words for %s', (reason) => {
    expect(machinesAre(reason)).toMatch(/^[a-z’ ]+$/);
  });
});
