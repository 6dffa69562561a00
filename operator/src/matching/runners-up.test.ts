// Which machines stay in mind for a job that runs, and when the list is another one.
import { describe, expect, it } from '@jest/globals';
import { aJob, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine, type MachineOverrides } from '../../../test/builders/node.ts';
import { poolOf } from '../model/pool.ts';
import { runnersUpOf } from './runners-up.ts';
import { Verdicts } from './verdicts.ts';

const present = { labels: { 'idlewild.dev/presence': 'present' } };
const running = (runnersUp: readonly string[] = ['pc-2', 'pc-3']): JobBuilder =>
  aJob('j').published().claimedBy('pc-1', { runnersUp }).created().started();

/** Names of the new list; undefined when it stays as it is. */
function listOf(machines: Readonly<Record<string, MachineOverrides>>, of = running(), count = 2): unknown {
  const nodes = Object.entries(machines).map(([name, o]) => aMachine(name, o));
  const pool = poolOf({ nodes, jobs: [of.job], vms: [], vmis: [], migrations: [] }, { nowMs: noon });
  const verdicts = new Verdicts();
  verdicts.sync(pool);
  return runnersUpOf(of.job, { pool, verdicts, nowMs: noon, count })?.map(({ node }) => node);
}

describe('the runners-up of a job that runs', () => {
  it.each<[string, Readonly<Record<string, MachineOverrides>>]>([
    ['all of them fit', { 'pc-1': {}, 'pc-2': {}, 'pc-3': {}, 'pc-4': {} }],
    ['one of them fits', { 'pc-1': {}, 'pc-2': present, 'pc-3': {}, 'pc-4': {} }],
    ['no machine fits any more', { 'pc-1': {}, 'pc-2': present, 'pc-3': present, 'pc-4': present }],
    ['no machine but its own fits any more', { 'pc-1': {} }],
  ])('stay as they are while %s', (_name, machines) => {
    expect(listOf(machines)).toBeUndefined();
  });

  it('are the best others once none of them fits, and never more than asked for', () => {
    const others = { 'pc-4': {}, 'pc-5': { images: ['lab/tiny'] }, 'pc-6': {} };
    expect(listOf({ 'pc-1': {}, 'pc-2': present, ...others })).toEqual(['pc-1', 'pc-5', 'pc-4']);
    expect(listOf({ 'pc-1': {}, 'pc-2': present, ...others }, running(), 1)).toEqual(['pc-1', 'pc-5']);
  });

  it('are judged by the image of the job itself, whichever of its kind was asked about first', () => {
    const nodes = [aMachine('pc-1'), aMachine('pc-4'), aMachine('pc-5', { images: ['lab/tiny'] })];
    const other = aJob('other', { image: { containerDisk: 'lab/desktop' } })
      .published()
      .claimedBy('pc-1', { runnersUp: ['gone'] });
    const pool = poolOf({ nodes, jobs: [], vms: [], vmis: [], migrations: [] }, { nowMs: noon });
    const verdicts = new Verdicts();
    verdicts.sync(pool);
    const listed = [other.job, running(['gone']).job].map((job) =>
      runnersUpOf(job, { pool, verdicts, nowMs: noon, count: 1 })?.map(({ node }) => node),
    );
    expect(listed).toEqual([
      ['pc-1', 'pc-4'],
      ['pc-1', 'pc-5'],
    ]);
  });

  it('name the machine that it runs on now first, with what was known of it', () => {
    const { job } = running(['pc-2']);
    const nodes = [aMachine('pc-1'), aMachine('pc-4')];
    const pool = poolOf({ nodes, jobs: [job], vms: [], vmis: [], migrations: [] }, { nowMs: noon });
    const verdicts = new Verdicts();
    verdicts.sync(pool);
    const own = { node: 'pc-1', score: 42 };
    const told = { ...job, status: { ...job.status, subscribers: [{ node: 'pc-2' }, own] } };
    const list = runnersUpOf(told, { pool, verdicts, nowMs: noon, count: 3 });
    expect(list?.[0]).toBe(own);
    expect(list?.[1]).toMatchObject({ node: 'pc-4', score: expect.any(Number), parts: expect.any(Object) });
  });

  it('are none of a job that does not run, or that had none', () => {
    const machines = { 'pc-1': {}, 'pc-4': {} };
    expect(listOf(machines, aJob('j').published())).toBeUndefined();
    expect(listOf(machines, running([]))).toBeUndefined();
  });
});
