import { describe, expect, it } from '@jest/globals';
import { aJob, noon } from '../../../test/builders/job.ts';
import { storyOf, words } from './timeline.ts';

const minute = 60;
const second = 1000;

describe('the story of a job', () => {
  const twice = aJob('render')
    .published(0)
    .claimedBy('pc-1', { at: 10 })
    .created(11)
    .started(20)
    .ended('MachineLost', { at: 80 })
    .claimedBy('pc-2', { at: 100 })
    .started(130);

  it('has a row for every attempt, newest first, and no time is told twice or left out', () => {
    const { rows, totals, from, to, open } = storyOf(twice.job, noon + 5 * minute * second);
    expect(rows.map(({ number, node, end }) => [number, node, end])).toEqual([
      [2, 'pc-2', undefined],
      [1, 'pc-1', 'Machine lost'],
    ]);
    expect(open).toBe(true);
    expect(Object.values(totals).reduce((sum, ms) => sum + ms, 0)).toBe(to - from);
    expect(totals).toEqual({ waiting: 30_000, starting: 40_000, running: 230_000, frozen: 0, lost: 0 });
  });

  it('takes lost and frozen seconds from the end of their attempt', () => {
    const { job } = twice;
    const [first, ...others] = job.status?.attempts ?? [];
    const attempts = [{ ...first!, secondsLost: 40, secondsStill: 5 }, ...others];
    const { totals, rows } = storyOf({ ...job, status: { ...job.status, attempts } }, noon + 200 * second);
    expect(totals).toMatchObject({ lost: 40_000, frozen: 5_000 });
    const bars = rows.at(-1)?.bars ?? [];
    for (const [index, bar] of bars.entries()) expect(bar.from).toBe(bars[index - 1]?.to ?? noon);
  });

  it('shows what it waits for while it has no machine', () => {
    const { rows } = storyOf(aJob('new').published().job, noon + 30 * second);
    expect(rows).toMatchObject([{ number: 1, node: '', bars: [{ kind: 'waiting', to: noon + 30 * second }] }]);
  });

  it('ends with the job', () => {
    const over = aJob('short').published().claimedBy('pc-1').started(5).finished('Completed', { at: 25 });
    const { to, open } = storyOf(over.job, noon + 3600 * second);
    expect({ to, open }).toEqual({ to: noon + 25 * second, open: false });
  });

  it('bears clocks that disagree', () => {
    const { rows, totals } = storyOf(twice.job, noon - 3600 * second);
    expect(rows.length).toBeGreaterThan(0);
    for (const ms of Object.values(totals)) expect(ms).toBeGreaterThanOrEqual(0);
  });
});

it('reasons are words', () => {
  expect(words('OwnerReturned')).toBe('Owner returned');
  expect(words('Migrated')).toBe('Migrated');
});
