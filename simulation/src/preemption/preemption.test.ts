// An urgent job that finds the pool full asks lesser ones to make room, with notice, and only as long as it needs to.
import { describe, expect, it } from '@jest/globals';
import { play } from '../crash/play.ts';
import type { Scenario } from '../crash/scenario.ts';
import { at, image, minuteMs, secondMs, whole, type Witness } from '../matching/witness.ts';

const flags = ['--preemption', 'lower', '--preemption-notice', '30s'];
const low = { ...whole, priority: 'Low' } as const;
const high = { ...whole, priority: 'High' } as const;

const noticeOf = (witness: Witness, job: string) => witness.job(job)?.status?.preemption;
async function untilNotice(witness: Witness, job: string): Promise<void> {
  await witness.until(`${job} is given notice`, () => noticeOf(witness, job) !== undefined, 10 * secondMs);
}
const told = (witness: Witness, job: string) => {
  const condition = witness.condition(job, 'Interrupted');
  return [condition?.status, condition?.reason];
};

describe('a job of a lower priority', () => {
  it('is given notice, ends in time, keeps its place in line and is repeated when the other has ended', () =>
    at({ machines: ['pc-1'], flags }, async (witness) => {
      witness.submit('low', low);
      await witness.runs('low');
      const { publication } = witness.job('low')?.status ?? {};
      witness.submit('high', { ...high, ...image('exit-0-after-20000') });
      const askedMs = witness.nowMs;
      await untilNotice(witness, 'low');
      expect(noticeOf(witness, 'low')).toMatchObject({ by: 'lab/high' });
      const { notice = '', at: end = '' } = noticeOf(witness, 'low') ?? {};
      expect(Date.parse(end) - Date.parse(notice)).toBe(30 * secondMs);
      expect(told(witness, 'low')).toEqual(['True', 'Preempting']);
      await witness.advance(25 * secondMs);
      expect(witness.on('low')).toBe('pc-1');

      await witness.until('high is claimed', () => witness.on('high') === 'pc-1');
      expect(witness.nowMs - askedMs).toBeGreaterThanOrEqual(30 * secondMs);
      expect(witness.nowMs - askedMs).toBeLessThan(45 * secondMs);
      expect(witness.job('low')?.status).toMatchObject({ phase: 'Waiting', failures: 0, publication });
      expect(witness.job('low')?.status?.attempts?.[0]).toMatchObject({ reason: 'Preempted' });
      expect(witness.job('low')?.status?.attempts?.[0]?.secondsLost).toBeGreaterThan(0);
      expect(noticeOf(witness, 'low')).toBeUndefined();

      await witness.until('low runs again', () => witness.pool.runsOn('low') === 'pc-1', 5 * minuteMs);
      expect(witness.job('low')?.status).toMatchObject({ attempt: 2, failures: 0 });
      await witness.advance(2 * secondMs);
      const reasons = witness.events('low').map(({ reason }) => reason);
      expect(reasons.filter((reason) => ['Preempting', 'Preempted'].includes(reason))).toEqual([
        'Preempting',
        'Preempted',
      ]);
      // Work that was taken away is not charged.
      expect(witness.job('low')?.status?.usage).toMatchObject({ coreSeconds: 0 });
    }));

  it('keeps its machine when another one is free for the urgent job before the time is over', () =>
    at({ machines: ['pc-1', 'pc-2'], flags }, async (witness) => {
      witness.submit('peer', { ...high, ...image('exit-0-after-40000') });
      witness.submit('low', low);
      await witness.runs('low');
      await witness.runs('peer');
      await witness.advance(20 * secondMs);
      witness.submit('high', high);
      await untilNotice(witness, 'low');
      await witness.runs('high');
      expect(noticeOf(witness, 'low')).toBeUndefined();
      expect(told(witness, 'low')).toEqual(['False', 'CalledOff']);
      await witness.advance(minuteMs);
      expect(witness.job('low')?.status).toMatchObject({ phase: 'Running', attempt: 1 });
      expect(witness.events('low').map(({ reason }) => reason)).toEqual(
        expect.arrayContaining(['Preempting', 'CalledOff']),
      );
    }));

  it('keeps its machine when the urgent job is deleted', () =>
    at({ machines: ['pc-1'], flags }, async (witness) => {
      witness.submit('low', low);
      await witness.runs('low');
      witness.submit('high', high);
      await untilNotice(witness, 'low');
      witness.pool.deleteJob('high');
      await witness.until('it is called off', () => noticeOf(witness, 'low') === undefined, 10 * secondMs);
      await witness.advance(2 * minuteMs);
      expect(witness.job('low')?.status).toMatchObject({ phase: 'Running', attempt: 1 });
    }));

  it.each([
    ['preemption is off', [], high],
    ['the other job is not urgent enough', flags, { ...whole, priority: 'Normal' } as const],
    ['its namespace is held to a lower priority', [...flags, '--max-priority', 'Normal'], high],
  ])('is left alone when %s', (_when, given, spec) =>
    at({ machines: ['pc-1'], flags: given }, async (witness) => {
      witness.submit('low', low);
      await witness.runs('low');
      witness.submit('other', spec);
      await witness.advance(5 * minuteMs);
      expect(witness.job('low')?.status).toMatchObject({ phase: 'Running', attempt: 1 });
      expect(noticeOf(witness, 'low')).toBeUndefined();
      expect(witness.job('other')?.status?.phase).toBe('Waiting');
    }),
  );
});

describe('a preemption', () => {
  const scenario: Scenario = {
    name: 'a job that makes room for another',
    rooms: { 'pc-1': 'lab-a' },
    flags: ['--preemption', 'lower', '--preemption-notice', '10s'],
    jobs: { low: { ...low, ...image('exit-second-time') } },
    steps: [
      {
        when: 'low runs',
        holds: (pool) => pool.runsOn('low') !== undefined,
        act: (pool) => pool.submit('high', { ...high, ...image('exit-0-after-5000') }),
      },
    ],
    ends: {
      low: {
        ...{ phase: 'Succeeded', attempt: 2, failures: 0 },
        attempts: [{ reason: 'Preempted' }, { reason: 'Completed' }],
      },
      high: { phase: 'Succeeded', attempt: 1 },
    },
  };

  it.each(['before', 'after'] as const)(
    'comes to the same end when the operator is killed %s any of its writes',
    async (when) => {
      const { writes } = await play(scenario);
      expect(writes).toBeGreaterThan(10);
      for (let write = 1; write <= writes; write++) await play(scenario, { death: { write, when } });
    },
    180_000,
  );
});
