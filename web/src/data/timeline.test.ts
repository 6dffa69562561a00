import { describe, expect, it } from '@jest/globals';
import type { Interruption } from '@idlewild/operator/model/job.ts';
import { aJob, at, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { storyOf, words, type BarKind } from './timeline.ts';

const second = 1000;
const running = aJob('render').published(0).claimedBy('pc-1', { at: 10 }).created(11).started(20);
const line = (seconds: number, reason: string, more: Partial<Interruption> = {}): Interruption => ({
  ...{ at: at(seconds), reason, attempt: 1, message: `told: ${reason}`, ...more },
});
const frozen = (job: JobBuilder, seconds: number): JobBuilder => {
  const next = job.ledger(line(seconds, 'Frozen', { rung: 'Freeze' }));
  return next.with({ ...next.job.status, ladder: { since: at(seconds), frozen: at(seconds) } });
};
const resumed = (job: JobBuilder, seconds: number, still: number): JobBuilder => {
  const { ladder: _over, ...status } = job.ledger(line(seconds, 'Resumed', { seconds: still })).job.status ?? {};
  const attempts = status.attempts?.map((attempt) => ({
    ...attempt,
    secondsStill: (attempt.secondsStill ?? 0) + still,
  }));
  return job.with({ ...status, ...(attempts && { attempts }) });
};
/** Kinds of the bars of an attempt with the seconds after noon at which they begin and end. */
const bars = ({ job }: JobBuilder, now: number, row = 0): (readonly [BarKind, number, number])[] =>
  (storyOf(job, noon + now * second).rows[row]?.bars ?? []).map(({ kind, from, to }) => [
    kind,
    (from - noon) / second,
    (to - noon) / second,
  ]);

describe('the story of a job', () => {
  const twice = running.ended('MachineLost', { at: 80 }).claimedBy('pc-2', { at: 100 }).started(130);

  it('has a row for every attempt, newest first, and no time is told twice or left out', () => {
    const { rows, totals, from, to, open } = storyOf(twice.job, noon + 300 * second);
    expect(rows.map(({ number, nodes, end }) => [number, nodes, end])).toEqual([
      [2, ['pc-2'], undefined],
      [1, ['pc-1'], 'Machine lost'],
    ]);
    expect(open).toBe(true);
    expect(Object.values(totals).reduce((sum, ms) => sum + ms, 0)).toBe(to - from);
    expect(totals).toMatchObject({ waiting: 30_000, starting: 40_000, running: 230_000, frozen: 0, lost: 0 });
  });

  it.each<[string, JobBuilder, number, [BarKind, number, number][]]>([
    [
      'stood still and went on',
      resumed(frozen(running, 40), 70, 30),
      100,
      [
        ['waiting', 0, 10],
        ['starting', 10, 20],
        ['running', 20, 40],
        ['frozen', 40, 70],
        ['running', 70, 100],
      ],
    ],
    [
      'stands still',
      frozen(running, 40),
      100,
      [
        ['waiting', 0, 10],
        ['starting', 10, 20],
        ['running', 20, 40],
        ['frozen', 40, 100],
      ],
    ],
    [
      'was frozen before its script began',
      resumed(frozen(aJob('a').published(0).claimedBy('pc-1', { at: 10 }), 15), 25, 10),
      30,
      [
        ['waiting', 0, 10],
        ['starting', 10, 15],
        ['frozen', 15, 25],
        ['starting', 25, 30],
      ],
    ],
    [
      'was moved',
      running.ledger(line(60, 'Migrated', { rung: 'Migrate', seconds: 4, toNode: 'pc-2' })),
      100,
      [
        ['waiting', 0, 10],
        ['starting', 10, 20],
        ['running', 20, 56],
        ['moving', 56, 60],
        ['running', 60, 100],
      ],
    ],
    [
      'is being moved',
      running.told('Migrating', { at: 90 }),
      100,
      [
        ['waiting', 0, 10],
        ['starting', 10, 20],
        ['running', 20, 90],
        ['moving', 90, 100],
      ],
    ],
    [
      'was moved standing still',
      resumed(
        frozen(running, 40).ledger(line(60, 'OwnerReturned', { rung: 'Migrate', seconds: 15, toNode: 'pc-2' })),
        62,
        22,
      ),
      100,
      [
        ['waiting', 0, 10],
        ['starting', 10, 20],
        ['running', 20, 40],
        ['frozen', 40, 62],
        ['running', 62, 100],
      ],
    ],
    [
      'was called off before it stood',
      running.ledger(line(40, 'Frozen', { rung: 'Freeze' })),
      100,
      [
        ['waiting', 0, 10],
        ['starting', 10, 20],
        ['running', 20, 100],
      ],
    ],
  ])('draws one that %s', (_what, job, now, expected) => {
    expect(bars(job, now)).toEqual(expected);
  });

  it('draws what was saved, parked and lost', () => {
    const saving = running.ledger(line(50, 'Parking', { rung: 'Park' }));
    expect(bars(saving, 60).at(-1)).toEqual(['parking', 50, 60]);
    const parked = saving.ended('Parked', { at: 70 });
    expect(bars(parked, 100)).toEqual([['parked', 70, 100]]);
    expect(bars(parked.claimedBy('pc-2', { at: 90 }).started(95), 100)[0]).toEqual(['parked', 70, 90]);
    const [first, ...others] = twice.job.status?.attempts ?? [];
    const lost = twice.with({ ...twice.job.status, attempts: [{ ...first!, secondsLost: 40 }, ...others] });
    expect(bars(lost, 200, 1).at(-1)).toEqual(['lost', 40, 80]);
  });

  it('stands still until the end of an attempt that ended so, and no longer than was counted', () => {
    const still = frozen(running, 40).ended('OwnerReturned', { at: 90 });
    expect(bars(still, 100, 1).at(-1)).toEqual(['frozen', 40, 90]);
    const [attempt] = still.job.status?.attempts ?? [];
    const counted = still.with({ ...still.job.status, attempts: [{ ...attempt!, secondsStill: 10 }] });
    expect(bars(counted, 100, 1).slice(-2)).toEqual([
      ['frozen', 40, 50],
      ['running', 50, 90],
    ]);
  });

  it('says how long it stood still of which it is not known any more when, and draws none of it', () => {
    const attempts = running.job.status?.attempts?.map((attempt) => ({ ...attempt, secondsStill: 45 }));
    const job = resumed(frozen(running.with({ ...running.job.status, ...(attempts && { attempts }) }), 40), 70, 30);
    const { unplacedMs, totals } = storyOf(job.job, noon + 100 * second);
    expect({ unplacedMs, frozen: totals.frozen }).toEqual({ unplacedMs: 45_000, frozen: 30_000 });
  });

  it('tells the same in lines, oldest first, with the words of the ledger', () => {
    const moved = { rung: 'Migrate', seconds: 4, toNode: 'pc-2', message: 'from pc-1 to pc-2' };
    const job = resumed(frozen(running, 40), 70, 30)
      .ledger(line(80, 'Drained', moved))
      .ended('Drained', { at: 90 });
    const told = storyOf(job.job, noon + 100 * second).lines;
    expect(
      told.map(({ title, from, to, open }) => [title, (from - noon) / second, (to - noon) / second, open]),
    ).toEqual([
      ['Waited for a machine', 0, 10, false],
      ['Started on pc-1', 10, 20, false],
      ['Stood still', 40, 70, false],
      ['Moved to pc-2 (drained)', 76, 80, false],
      ['Drained', 90, 90, false],
      ['Waited for a machine', 90, 100, true],
    ]);
    expect(told[2]?.detail).toBe('told: Frozen; told: Resumed');
  });

  it('knows where the guest was all the while, also when the attempt only tells where it is now', () => {
    const moves = { rung: 'Migrate', seconds: 4, node: 'pc-1', toNode: 'pc-2' };
    const job = running
      .ledger(line(60, 'Migrated', moves))
      .ledger(line(70, 'MigrationFailed', { ...moves, toNode: 'pc-3' }));
    const attempts = job.job.status?.attempts?.map((attempt) => ({ ...attempt, node: 'pc-2' }));
    const { rows, lines } = storyOf(
      job.with({ ...job.job.status, ...(attempts && { attempts }) }).job,
      noon + 100 * second,
    );
    expect(rows[0]?.nodes).toEqual(['pc-1', 'pc-2']);
    expect(lines.map(({ title }) => title)).toEqual([
      'Waited for a machine',
      'Started on pc-1',
      'Moved to pc-2',
      'Could not be moved to pc-3',
    ]);
    const labels = rows[0]?.bars.filter(({ kind }) => kind === 'running').map(({ label }) => label);
    expect(labels).toEqual(['running on pc-1', 'running on pc-2', 'running on pc-2']);
  });

  it('shows what it waits for while it has no machine', () => {
    const { rows } = storyOf(aJob('new').published().job, noon + 30 * second);
    expect(rows).toMatchObject([{ number: 1, nodes: [], bars: [{ kind: 'waiting', to: noon + 30 * second }] }]);
  });

  it('ends with the job', () => {
    const over = aJob('short').published().claimedBy('pc-1').started(5).finished('Completed', { at: 25 });
    const { to, open } = storyOf(over.job, noon + 3600 * second);
    expect({ to, open }).toEqual({ to: noon + 25 * second, open: false });
  });

  it('bears clocks that disagree: every row is whole, and no time is below nothing', () => {
    const strange = resumed(frozen(twice, 5), 500, 600).ledger(
      line(-50, 'Migrated', { rung: 'Migrate', seconds: 900 }),
    );
    for (const now of [-3600, 50, 90, 400]) {
      const { rows, totals, from, to } = storyOf(strange.job, noon + now * second);
      expect(Object.values(totals).reduce((sum, ms) => sum + ms, 0)).toBe(to - from);
      for (const ms of Object.values(totals)) expect(ms).toBeGreaterThanOrEqual(0);
      for (const { bars: row } of rows) {
        for (const [index, bar] of row.entries()) if (index > 0) expect(bar.from).toBe(row[index - 1]?.to);
      }
    }
  });
});

it('reasons are words', () => {
  expect(words('OwnerReturned')).toBe('Owner returned');
  expect(words('Migrated')).toBe('Migrated');
});
