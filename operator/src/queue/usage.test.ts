// What namespaces are charged, and how it fades.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, noon, type JobBuilder } from '../../../test/builders/job.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { AttemptEnd } from '../model/reasons.ts';
import { dominantShare, Usage } from './usage.ts';

const hour = 3_600_000;
const settings = { halfLifeMs: 24 * hour, aheadMs: 0 };

const inNamespace = ({ job }: JobBuilder, namespace: string): ComputeJob => ({
  ...job,
  metadata: { ...job.metadata, namespace, uid: `${namespace}-${job.metadata.uid}` },
});

const usageOf = (jobs: readonly ComputeJob[], o = settings): Usage => {
  const usage = new Usage(o);
  for (const job of jobs) usage.set(job);
  return usage;
};

const ran = (name: string, fromS: number, toS: number, reason: AttemptEnd = 'Completed'): JobBuilder =>
  aJob(name, { resources: { cores: 2 } })
    .published(fromS)
    .claimedBy('pc', { at: fromS })
    .ended(reason, { at: toS });

describe('usage', () => {
  it('of an attempt is its cores times the time from its claim to its end', () => {
    const usage = usageOf([inNamespace(ran('j', -100, 0), 'a')], { halfLifeMs: 1e15, aheadMs: 0 });
    expect(usage.of('a', noon).cores).toBeCloseTo(2 * 100_000, 0);
  });

  it('halves with every half-life', () => {
    const usage = usageOf([inNamespace(ran('j', -100, 0), 'a')]);
    const now = usage.of('a', noon).cores;
    expect(usage.of('a', noon + 24 * hour).cores).toBeCloseTo(now / 2, 3);
    expect(usage.of('a', noon + 48 * hour).cores).toBeCloseTo(now / 4, 3);
  });

  it('of a guest that runs grows, and tends to its rate times half-life over ln 2', () => {
    const running = aJob('j', { resources: { cores: 2 } })
      .published()
      .claimedBy('pc');
    const usage = usageOf([inNamespace(running, 'a')]);
    expect(usage.of('a', noon).cores).toBe(0);
    expect(usage.of('a', noon + hour).cores).toBeGreaterThan(2 * hour * 0.98);
    const limit = (2 * 24 * hour) / Math.LN2;
    expect(usage.of('a', noon + 1000 * 24 * hour).cores / limit).toBeCloseTo(1, 6);
  });

  it('of a job that is being deleted, however long that takes, ends with the wish', () => {
    const job = inNamespace(aJob('j').published(-100).claimedBy('pc', { at: -100 }), 'a');
    const usage = usageOf([job], { halfLifeMs: 1e15, aheadMs: 60_000 });
    usage.set({ ...job, metadata: { ...job.metadata, deletionTimestamp: new Date(noon).toISOString() } });
    const charged = usage.of('a', noon + hour).cores;
    expect([usage.inUse('a').cores, Math.round(charged)]).toEqual([0, 100_000]);
    usage.forget(job.metadata.uid ?? '', noon + hour);
    expect(usage.of('a', noon + hour).cores).toBe(charged);
  });

  it('counts a claim at once', () => {
    const running = aJob('j', { resources: { cores: 2 } })
      .published()
      .claimedBy('pc');
    const usage = usageOf([inNamespace(running, 'a')], { ...settings, aheadMs: 60_000 });
    expect(usage.of('a', noon).cores).toBe(120_000);
  });

  it.each<AttemptEnd>(['MachineLost', 'Drained', 'OwnerReturned', 'Preempted', 'TakenAway'])(
    'does not charge an attempt that ended %s',
    (reason) => {
      const usage = usageOf([inNamespace(ran('j', -100, 0, reason), 'a')]);
      expect(usage.of('a', noon).cores).toBe(0);
    },
  );

  it.each<AttemptEnd>(['Completed', 'ScriptFailed', 'StartFailed', 'GuestCrashed', 'WalltimeExceeded'])(
    'charges an attempt that ended %s',
    (reason) => {
      expect(usageOf([inNamespace(ran('j', -100, 0, reason), 'a')]).of('a', noon).cores).toBeGreaterThan(0);
    },
  );

  it('leaves out the seconds in which the guest stood still', () => {
    const job = inNamespace(ran('j', -100, 0), 'a');
    const attempts = job.status?.attempts?.map((attempt) => ({ ...attempt, secondsStill: 40 })) ?? [];
    const usage = usageOf([{ ...job, status: { ...job.status, attempts } }], { halfLifeMs: 1e15, aheadMs: 0 });
    expect(usage.of('a', noon).cores).toBeCloseTo(2 * 60_000, 0);
  });

  it('stays when the job is deleted, while it ran or after', () => {
    const done = inNamespace(ran('done', -100, 0), 'a');
    const running = inNamespace(aJob('run').published(-50).claimedBy('pc', { at: -50 }), 'b');
    const usage = usageOf([done, running]);
    const before = [usage.of('a', noon).cores, usage.of('b', noon).cores];
    usage.forget(done.metadata.uid ?? '', noon);
    usage.forget(running.metadata.uid ?? '', noon);
    expect(usage.of('a', noon).cores).toBeCloseTo(before[0] ?? NaN, 3);
    expect(usage.of('b', noon).cores).toBeCloseTo(before[1] ?? NaN, 3);
    expect(usage.inUse('b')).toEqual({ cores: 0, memoryMiB: 0 });
  });

  it('of a job that went before the start is remembered as the same charge', () => {
    const remembered = new Usage(settings);
    remembered.remember({ namespace: 'a', cores: 2, memoryMiB: 389, fromMs: noon - 100_000, toMs: noon });
    const charged = usageOf([inNamespace(ran('j', -100, 0), 'a')]);
    expect(remembered.of('a', noon).cores).toBeCloseTo(charged.of('a', noon).cores, 3);
  });

  it('survives so many half-lives that no double could hold them', () => {
    const usage = usageOf([inNamespace(ran('j', -100, 0), 'a')], { halfLifeMs: 60_000, aheadMs: 0 });
    for (let minute = 0; minute < 5_000; minute += 50) usage.of('a', noon + minute * 60_000);
    const later = noon + 5_000 * 60_000;
    usage.remember({ namespace: 'b', cores: 1, memoryMiB: 0, fromMs: later - 1_000, toMs: later });
    expect(usage.of('a', later).cores).toBeCloseTo(0, 9);
    expect(usage.of('b', later).cores / 1_000).toBeCloseTo(1, 1);
  });

  it('is the same however often and in whatever order the jobs were told of', () => {
    const history = fc.array(
      fc.record({ name: fc.nat({ max: 5 }), steps: fc.nat({ max: 4 }), at: fc.integer({ min: -5_000, max: 0 }) }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(history, (changes) => {
        const usage = new Usage(settings);
        const last = new Map<string, ComputeJob>();
        for (const { name, steps, at } of changes) {
          let job = aJob(`j-${name}`);
          if (steps > 0) job = job.published(at).claimedBy('pc', { at });
          if (steps > 1) job = job.ended(steps > 2 ? 'Completed' : 'MachineLost', { at: at / 2 });
          if (steps > 3) job = job.claimedBy('pc-2', { at: at / 4 });
          const own = inNamespace(job, name % 2 === 0 ? 'even' : 'odd');
          usage.set(own);
          last.set(own.metadata.uid ?? '', own);
        }
        const anew = usageOf([...last.values()]);
        for (const namespace of ['even', 'odd']) {
          expect(usage.of(namespace, noon).cores).toBeCloseTo(anew.of(namespace, noon).cores, 0);
          expect(usage.inUse(namespace).cores).toBeCloseTo(anew.inUse(namespace).cores, 6);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('the dominant share', () => {
  it.each([
    [{ cores: 10, memoryMiB: 0 }, 0.1],
    [{ cores: 10, memoryMiB: 500 }, 0.5],
    [{ cores: 0, memoryMiB: 0 }, 0],
  ])('of %j in a pool of 100 cores and 1000 MiB is %d', (usage, expected) => {
    expect(dominantShare(usage, { cores: 100, memoryMiB: 1000 })).toBe(expected);
  });
});
