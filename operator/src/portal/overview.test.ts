// What the overview counts of jobs.
import { describe, expect, it } from '@jest/globals';
import type { ComputeJob } from '../api/compute-job.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import { summaryOf } from './overview.ts';

const hour = 3600;
const of = ({ metadata, ...job }: ComputeJob, o: { by?: string; namespace?: string } = {}): ComputeJob => {
  const annotations = o.by === undefined ? {} : { annotations: { 'idlewild.dev/submitted-by': o.by } };
  return { ...job, metadata: { ...metadata, namespace: o.namespace ?? 'team-a', ...annotations } };
};
const waited = (name: string, seconds: number): ComputeJob =>
  of(aJob(name).published(0).claimedBy('pc-1', { at: seconds }).job);

describe('the waiting times', () => {
  it('are of jobs that got a machine in the last day, and of those that wait now the longest', () => {
    const jobs = Array.from({ length: 20 }, (_, index) => waited(`j${index}`, index + 1));
    const old = of(
      aJob('old')
        .published(-50 * hour)
        .claimedBy('pc-1', { at: -40 * hour }).job,
    );
    const waits = of(aJob('waits').published(-60).job);
    const again = of(
      aJob('again').published(-600).claimedBy('pc-1', { at: -550 }).ended('MachineLost', { at: -100 }).job,
    );
    expect(summaryOf([...jobs, old, waits, again], noon).waits).toEqual({
      ...{ jobs: 21, p50: 11, p90: 19, p95: 20, waiting: 2, longest: 100 },
    });
  });

  it('are left out where there are none', () => {
    expect(summaryOf([], noon).waits).toEqual({ jobs: 0, waiting: 0 });
  });
});

describe('the shares', () => {
  const run = (name: string, cores: number): ComputeJob =>
    aJob(name, { resources: { cores } }).published().claimedBy('pc-1').started().job;
  const jobs = [
    of(run('a', 1), { by: 'ann' }),
    of(run('b', 4), { by: 'ben' }),
    of(run('c', 2), { by: 'ann', namespace: 'team-b' }),
    of(aJob('d').published().job, { by: 'ann' }),
    of(aJob('e').published().job),
  ];

  it('are by namespace, and by who submitted, who has most first', () => {
    const { shares, people } = summaryOf(jobs, noon);
    const brief = (all: typeof shares): unknown =>
      all.map(({ name, running, waiting, cores }) => [name, running, waiting, cores]);
    expect(brief(shares)).toEqual([
      ['team-a', 2, 2, 5],
      ['team-b', 1, 0, 2],
    ]);
    expect(brief(people)).toEqual([
      ['ben', 1, 0, 4],
      ['ann', 2, 1, 3],
      ['', 0, 1, 0],
    ]);
  });

  it('count what is charged and what was lost, once for the namespace and once for the person', () => {
    const [job] = jobs;
    const used = { coreSeconds: 30, memoryGiBSeconds: 1, lostCoreSeconds: 5 };
    const charged = { ...job!, status: { ...job!.status, usage: used } } as ComputeJob;
    const { shares, people } = summaryOf([charged, charged], noon);
    for (const [share] of [shares, people]) expect(share).toMatchObject({ coreSeconds: 60, lostCoreSeconds: 10 });
  });
});
