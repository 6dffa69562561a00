// Who makes room for whom, and when not.
import { describe, expect, it } from '@jest/globals';
import { aJob, at, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { requirementOf } from '../matching/subscribe.ts';
import { openAttempt } from '../model/job.ts';
import { poolOf } from '../model/pool.ts';
import { Floor } from '../queue/floor.ts';
import { rankOf, type Priority } from '../queue/priority.ts';
import { preempt, type PreemptionDecision, type PreemptionSettings, type Stuck } from './decide.ts';
import { noticed } from './statuses.ts';

const settings: PreemptionSettings = { mode: 'lower', noticeMs: 30_000 };

const prioritised = ({ job }: JobBuilder, priority: Priority): ComputeJob => ({
  ...job,
  spec: { ...job.spec, priority },
});

/** Cores and priority of a job that runs on the machine since `since` seconds after noon. */
const running = (
  name: string,
  node: string,
  o: { cores?: number; priority?: Priority; since?: number; walltime?: string } = {},
) => {
  const { cores = 1, priority = 'Normal', since = -600, walltime } = o;
  const job = aJob(name, { resources: { cores }, ...(walltime ? { walltime } : {}) })
    .published(since)
    .claimedBy(node, { at: since })
    .started(since);
  return prioritised(job, priority);
};

const stopped = (job: ComputeJob): ComputeJob => ({ ...job, spec: { ...job.spec, stop: true } });

const waiting = (name: string, cores: number, priority: Priority): Stuck => ({
  key: `default/${name}`,
  rank: rankOf(priority),
  requirement: requirementOf(aJob(name, { resources: { cores } }).job),
  avoids: new Set(),
});

const underNotice = (job: ComputeJob, by: string, endsAt: number): ComputeJob => ({
  ...job,
  status: noticed(job, { by: `default/${by}`, at: at(0), endsAt: at(endsAt), message: 'make room' }),
});

function decide(
  machines: Record<string, number>,
  jobs: readonly ComputeJob[],
  stuck: readonly Stuck[],
  o: { settings?: PreemptionSettings; nowS?: number } = {},
): PreemptionDecision[] {
  const nodes = Object.entries(machines).map(([name, cores]) => aMachine(name, { cores, memoryMiB: 65_536 }));
  const pool = poolOf({ nodes, jobs, vms: [], vmis: [], migrations: [] });
  const byKey = new Map(jobs.map((job) => [`default/${job.metadata.name}`, job]));
  return preempt({
    stuck,
    noticed: jobs.filter((job) => job.status?.preemption && openAttempt(job)),
    waitingRank: (key) => stuck.find((each) => each.key === key)?.rank,
    rankOf: (job) => rankOf(job.spec.priority),
    jobOf: (key) => byKey.get(key),
    pool,
    occupancy: new Floor(pool, ({ endsAtMs }) => endsAtMs),
    nowMs: noon + (o.nowS ?? 0) * 1000,
    settings: o.settings ?? settings,
  });
}

const said = (decisions: readonly PreemptionDecision[]): string[] =>
  decisions.map((each) => (each.kind === 'wait' ? 'wait' : `${each.kind} ${each.job.metadata.name}`));

describe('notice is given', () => {
  it('to the one that has worked less, however long it was made to stand still', () => {
    const still = running('still', 'pc-1', { since: -900 });
    const attempts = (still.status?.attempts ?? []).map((attempt) => ({ ...attempt, secondsStill: 800 }));
    const rested = { ...still, status: { ...still.status, attempts } };
    const high = waiting('high', 1, 'High');
    const machines = { 'pc-1': 1, 'pc-2': 1 };
    expect(said(decide(machines, [still, running('busy', 'pc-2')], [high]))).toEqual(['notice busy']);
    expect(said(decide(machines, [rested, running('busy', 'pc-2')], [high]))).toEqual(['notice still']);
  });

  it('to a job of a lower priority, for a job of priority High or above that fits nowhere', () => {
    const [decision] = decide({ pc: 1 }, [running('low', 'pc')], [waiting('high', 1, 'High')]);
    expect(decision).toMatchObject({ kind: 'notice', by: 'default/high', atMs: noon + 30_000 });
  });

  it.each<[string, Record<string, number>, ComputeJob[], Stuck[], string[]]>([
    [
      'not for a job of priority Normal',
      { pc: 1 },
      [running('low', 'pc', { priority: 'Low' })],
      [waiting('n', 1, 'Normal')],
      [],
    ],
    [
      'not to a job that its user has stopped, as it is ending',
      { pc: 1 },
      [stopped(running('low', 'pc', { priority: 'Low' }))],
      [waiting('h', 1, 'High')],
      [],
    ],
    [
      'not to a job of the same priority',
      { pc: 1 },
      [running('a', 'pc', { priority: 'High' })],
      [waiting('b', 1, 'High')],
      [],
    ],
    [
      'not to a job of a higher one',
      { pc: 1 },
      [running('a', 'pc', { priority: 'Urgent' })],
      [waiting('b', 1, 'High')],
      [],
    ],
    [
      'to the lowest priority first',
      { a: 1, b: 1, c: 1 },
      [running('n', 'a'), running('l', 'b', { priority: 'Low' }), running('h', 'c', { priority: 'High' })],
      [waiting('u', 1, 'Urgent')],
      ['notice l'],
    ],
    [
      'to the one that loses the least work',
      { a: 1, b: 1 },
      [running('old', 'a', { since: -3_600 }), running('young', 'b', { since: -60 })],
      [waiting('h', 1, 'High')],
      ['notice young'],
    ],
    [
      'to the youngest of one machine',
      { a: 2 },
      [running('old', 'a', { since: -3_600 }), running('young', 'a', { since: -60 })],
      [waiting('h', 1, 'High')],
      ['notice young'],
    ],
    [
      'to as many as are needed and no more',
      { a: 4 },
      [running('one', 'a', { since: -10 }), running('three', 'a', { cores: 3, since: -20 })],
      [waiting('h', 3, 'High')],
      ['notice three'],
    ],
    ['to nobody where even that would not help', { a: 2 }, [running('x', 'a')], [waiting('h', 3, 'High')], []],
    [
      'to nobody when a machine gets free in that time anyway',
      { a: 1, b: 1 },
      [running('x', 'a'), running('y', 'b', { since: -50, walltime: '1m' })],
      [waiting('h', 1, 'High')],
      [],
    ],
    [
      'on another machine for each job that needs one',
      { a: 1, b: 1 },
      [running('x', 'a'), running('y', 'b')],
      [waiting('h', 1, 'High'), waiting('i', 1, 'High')],
      ['notice x', 'notice y'],
    ],
    [
      'only once for each job that needs a machine',
      { a: 1, b: 1 },
      [underNotice(running('x', 'a'), 'h', 30), running('y', 'b')],
      [waiting('h', 1, 'High')],
      ['wait'],
    ],
  ])('%s', (_name, machines, jobs, stuck, expected) => {
    expect(said(decide(machines, jobs, stuck))).toEqual(expected);
  });

  it('to nobody where the policy forbids it', () => {
    const never: PreemptionSettings = { mode: 'never', noticeMs: 30_000 };
    expect(decide({ pc: 1 }, [running('low', 'pc')], [waiting('high', 1, 'High')], { settings: never })).toEqual([]);
  });
});

describe('after the notice', () => {
  const victim = underNotice(running('low', 'pc'), 'high', 30);

  it('the job goes on until its time is up, and then it is ended', () => {
    const stuck = [waiting('high', 1, 'High')];
    expect(decide({ pc: 1 }, [victim], stuck, { nowS: 29 })).toEqual([{ kind: 'wait', untilMs: noon + 30_000 }]);
    expect(said(decide({ pc: 1 }, [victim], stuck, { nowS: 30 }))).toEqual(['end low']);
  });

  it.each<[string, Stuck[], PreemptionSettings]>([
    ['when the other has found a place or is gone', [], settings],
    ['when the other has no higher priority any more', [waiting('high', 1, 'Normal')], settings],
    ['when the policy forbids it now', [waiting('high', 1, 'High')], { mode: 'never', noticeMs: 30_000 }],
  ])('it is called off %s, even if its time is up', (_name, stuck, how) => {
    expect(said(decide({ pc: 1 }, [victim], stuck, { settings: how, nowS: 40 }))).toEqual(['callOff low']);
  });
});
