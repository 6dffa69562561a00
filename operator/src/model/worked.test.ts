// The work that is lost with a guest.
import { describe, expect, it } from '@jest/globals';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import { workedSeconds } from './job.ts';

const started = (o: { secondsStill?: number; ladder?: ComputeJobStatus['ladder'] }): ComputeJob => {
  const { job } = aJob('j').published().claimedBy('pc-1', { at: 0 }).started(10);
  const attempts = (job.status?.attempts ?? []).map((attempt) => ({
    ...attempt,
    ...(o.secondsStill === undefined ? {} : { secondsStill: o.secondsStill }),
  }));
  return { ...job, status: { ...job.status, attempts, ...(o.ladder ? { ladder: o.ladder } : {}) } };
};

describe('what a guest has worked', () => {
  it.each<[string, Parameters<typeof started>[0], number]>([
    ['is the time since its start', {}, 90],
    ['is less by the time that it stood still', { secondsStill: 30 }, 60],
    ['does not grow while it stands still', { ladder: { since: at(40), frozen: at(40) } }, 30],
    ['is less by both', { secondsStill: 10, ladder: { since: at(40), frozen: at(40) } }, 20],
    ['is never less than nothing', { secondsStill: 500 }, 0],
  ])('%s', (_name, o, expected) => {
    expect(workedSeconds(started(o), at(10), noon + 100_000)).toBe(expected);
  });
});
