import { describe, expect, it } from '@jest/globals';
import { jobRowOf } from '@idlewild/operator/portal/rows.ts';
import type { Endings, JobRow } from '@idlewild/operator/portal/schemas.ts';
import { aJob, type JobBuilder } from '../../../test/builders/job.ts';
import { between, chosenOf, isSelectable, listOf, withRows } from './job-list.ts';
import { endJobs, type JobToEnd } from './many-jobs.ts';

const rowOf = ({ job }: JobBuilder, more: Partial<JobRow> = {}): JobRow => ({ ...jobRowOf(job), ...more });
const waiting = rowOf(aJob('waits').published(), { created: '2026-01-01T12:00:02Z' });
const running = rowOf(aJob('runs').published().claimedBy('pc-1').started(1), { created: '2026-01-01T12:00:03Z' });
const done = rowOf(aJob('over').published().claimedBy('pc-2').started(1).finished('Completed'), { namespace: 'other' });
const going = rowOf(aJob('going').published(), { deleting: true, created: '2026-01-01T12:00:01Z' });
const rows = [waiting, done, running, going];
const everything = { text: '', state: null, namespace: null };
const names = (found: readonly JobRow[]): string[] => found.map(({ name }) => name);

describe('the list of jobs', () => {
  it('shows the newest first, and what is equally new by name', () => {
    expect(names(listOf(rows, everything).shown)).toEqual(['runs', 'waits', 'going', 'over']);
    const same = ['b', 'a', 'c'].map((name) => rowOf(aJob(name)));
    expect(names(listOf(same, everything).shown)).toEqual(['a', 'b', 'c']);
  });

  it('shows every job exactly once, however many there are', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => rowOf(aJob(`job-${index}`), { uid: `u${index}` }));
    const { shown, total } = listOf(many, everything);
    expect(total).toBe(5_000);
    expect(new Set(shown.map(({ uid }) => uid)).size).toBe(5_000);
  });

  it.each([
    [{ text: ' PC-1 ' }, ['runs']],
    [{ text: 'exit' }, []],
    [{ state: 'Waiting' }, ['waits']],
    [{ namespace: 'other' }, ['over']],
    [{ namespace: 'default', state: 'Done' }, []],
  ])('filtered by %j shows %j', (filter, expected) => {
    expect(names(listOf(rows, { ...everything, ...filter }).shown)).toEqual(expected);
  });

  it('counts by state what the other filters leave', () => {
    const { counts, namespaces } = listOf(rows, { ...everything, namespace: 'default', state: 'Running' });
    expect(Object.fromEntries(counts)).toEqual({ Waiting: 1, Running: 1, Stopping: 1 });
    expect(namespaces).toEqual(['default', 'other']);
  });
});

describe('a selection', () => {
  const { shown } = listOf(rows, everything);
  const all = withRows(new Set(), shown, { on: true });

  const yes = (): boolean => true;
  const anything = { stop: yes, remove: yes };

  it('stops what runs or waits and deletes anything, but for what goes already', () => {
    const { all: chosen, stop, remove } = chosenOf(shown, all, anything);
    expect(names(stop)).toEqual(['runs', 'waits']);
    expect(names(remove)).toEqual(['runs', 'waits', 'over']);
    expect(chosen).toEqual(remove);
  });

  it('does not stop again what was told to end, which can be deleted all the same', () => {
    const told = [{ ...running, stopping: true }];
    expect(chosenOf(told, all, anything)).toEqual({ all: told, stop: [], remove: told });
  });

  it('never acts on jobs that are not shown, or that one may not end', () => {
    const filtered = listOf(rows, { ...everything, state: 'Done' }).shown;
    expect(chosenOf(filtered, all, anything)).toEqual({ all: [done], stop: [], remove: [done] });
    const ours = (namespace: string): boolean => namespace === 'default';
    expect(names(chosenOf(shown, all, { stop: yes, remove: ours }).remove)).toEqual(['runs', 'waits']);
    expect(chosenOf(shown, all, { stop: () => false, remove: ours }).stop).toEqual([]);
    const nothing = { stop: () => false, remove: () => false };
    expect(chosenOf(shown, all, nothing)).toEqual({ all: [], stop: [], remove: [] });
    expect([running, going].map((row) => isSelectable(row, anything))).toEqual([true, false]);
    expect(isSelectable(running, nothing)).toBe(false);
  });

  it('does not mean a later job of the same name', () => {
    const again = { ...waiting, uid: 'made anew' };
    expect(chosenOf([again], all, anything)).toEqual({ all: [], stop: [], remove: [] });
  });

  it('takes rows one by one or from one place to another, in both directions', () => {
    expect(names(between(shown, 2, 1))).toEqual(['waits', 'going']);
    expect([...withRows(all, between(shown, 0, 2), { on: false })]).toEqual([done.uid]);
  });
});

describe('ending many jobs', () => {
  const jobs = Array.from({ length: 230 }, (_, index): JobToEnd => ({
    ...{ namespace: 'team-a', name: `job-${String(index).padStart(3, '0')}`, uid: `u${index}` },
  }));

  it('asks for no more at a time than the portal takes, and says how far it is', async () => {
    const sizes: number[] = [];
    const told: number[] = [];
    const send = (some: readonly JobToEnd[]): Promise<Endings> => {
      sizes.push(some.length);
      return Promise.resolve({ done: some.length, refused: [] });
    };
    expect(await endJobs(jobs, send, (done) => told.push(done))).toEqual({ done: 230, refused: [] });
    expect(sizes).toEqual([100, 100, 30]);
    expect(told).toEqual([100, 200, 230]);
  });

  it('goes on after a call that failed, and tells of each job in it', async () => {
    const send = (some: readonly JobToEnd[]): Promise<Endings> =>
      some[0]?.name === 'job-100'
        ? Promise.reject(new Error('the portal went away'))
        : Promise.resolve({
            done: some.length - 2,
            refused: [
              { namespace: 'team-a', name: some[1]?.name ?? '', status: 403, detail: 'you may not' },
              { namespace: 'team-a', name: some[0]?.name ?? '', status: 404, detail: 'not found' },
            ],
          });
    const { done: ended, refused } = await endJobs(jobs, send, () => undefined);
    expect(ended).toBe(128);
    expect(refused).toHaveLength(102);
    expect(refused[0]).toEqual({ namespace: 'team-a', name: 'job-001', status: 403, detail: 'you may not' });
    expect(refused[1]).toMatchObject({ name: 'job-100', detail: 'the portal went away' });
  });
});
