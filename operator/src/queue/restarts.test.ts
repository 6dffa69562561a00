// How the jobs of a lost room come back.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { Losses, type RestartSettings } from './restarts.ts';

const settings: RestartSettings = { restartsPerRoom: 4, batchMs: 5_000, windowMs: 120_000 };

function lostIn(name: string, room: string, seconds = 0): ComputeJob {
  const { job } = aJob(name).published(-100).claimedBy('pc', { at: -90 }).ended('MachineLost', { at: seconds });
  const attempts = job.status?.attempts?.map((attempt) => ({ ...attempt, room }));
  return { ...job, status: { ...job.status, ...(attempts ? { attempts } : {}) } };
}

function lossesOf(jobs: readonly ComputeJob[]): Losses {
  const losses = new Losses(settings);
  for (const job of jobs) losses.set(job);
  return losses;
}

const delays = (jobs: readonly ComputeJob[]): number[] => {
  const losses = lossesOf(jobs);
  return jobs.map((job) => losses.notBefore(job) - noon).sort((a, b) => a - b);
};

const room = (count: number, name = 'lab-a', seconds = 0): ComputeJob[] =>
  Array.from({ length: count }, (_, index) => lostIn(`${name}-${index}`, name, seconds));

describe('after a room was lost', () => {
  it('four jobs come back at once, and then four with every five seconds and a little', () => {
    const found = delays(room(11));
    expect(found.slice(0, 4)).toEqual([0, 0, 0, 0]);
    for (const delay of found.slice(4, 8)) expect(Math.floor(delay / 5_000)).toBe(1);
    for (const delay of found.slice(8)) expect(Math.floor(delay / 5_000)).toBe(2);
    expect(new Set(found.slice(4)).size).toBeGreaterThan(1);
  });

  it('the jobs of another room do not wait for it', () => {
    const jobs = [...room(8), ...room(3, 'lab-b')];
    const losses = lossesOf(jobs);
    expect(jobs.slice(8).map((job) => losses.notBefore(job))).toEqual([noon, noon, noon]);
  });

  it('a machine that is lost much later is another event', () => {
    const jobs = [...room(8), lostIn('later', 'lab-a', 121)];
    expect(lossesOf(jobs).notBefore(jobs.at(-1) as ComputeJob)).toBe(noon + 121_000);
  });

  it('a job that has another machine already still counts as let in', () => {
    const jobs = room(5);
    const losses = lossesOf(jobs);
    const last = jobs.find((job) => losses.notBefore(job) > noon) as ComputeJob;
    const before = losses.notBefore(last);
    for (const job of jobs) {
      if (job === last) continue;
      const attempts = [
        ...(job.status?.attempts ?? []),
        { number: 2, node: 'pc-9', virtualMachine: 'x-2', claimed: at(1) },
      ];
      losses.set({ ...job, status: { ...job.status, attempts } });
    }
    expect(losses.notBefore(last)).toBe(before);
  });

  it('a job that is gone lets the others come sooner', () => {
    const jobs = room(5);
    const losses = lossesOf(jobs);
    const last = jobs.find((job) => losses.notBefore(job) > noon) as ComputeJob;
    for (const job of jobs) if (job !== last) losses.forget(job.metadata.uid ?? '');
    expect(losses.notBefore(last)).toBe(noon);
  });

  it('nothing holds back a job that was drained, or whose machine has no room', () => {
    const drained = aJob('d').published().claimedBy('pc').ended('Drained').job;
    const roomless = aJob('r').published().claimedBy('pc').ended('MachineLost').job;
    const losses = lossesOf([...room(20), drained, roomless]);
    expect([losses.notBefore(drained), losses.notBefore(roomless)]).toEqual([0, 0]);
  });

  it('the turns are the same in whatever order they were learnt of, and at most four fall into one batch', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (seconds, order) => {
          const jobs = seconds.map((second, index) => lostIn(`j-${index}`, 'lab-a', second));
          const shuffled = jobs
            .map((job) => ({ job, key: order.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ job }) => job);
          const [one, other] = [lossesOf(jobs), lossesOf(shuffled)];
          expect(jobs.map((job) => one.notBefore(job))).toEqual(jobs.map((job) => other.notBefore(job)));
        },
      ),
      { numRuns: 50 },
    );
  });
});
