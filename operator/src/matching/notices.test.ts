// How often waiting jobs are told why they wait.
import { describe, expect, it } from '@jest/globals';
import { aJob, at } from '../../../test/builders/job.ts';
import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import type { WaitReason } from '../model/reasons.ts';
import { defaultPolicy } from '../queue/priority.ts';
import { waiterOf } from '../queue/waiter.ts';
import { matchingSettings } from '../../../test/builders/queue.ts';
import type { Wait } from './decide.ts';
import { isNews, Notices, type Said } from './notices.ts';
import { waitingStatus } from './statuses.ts';
import type { Explanation } from './words.ts';

const told: ComputeJobStatus = {
  ...aJob('x').published().job.status,
  waiting: { position: 1, message: 'told', reasons: [] },
};

function lineOf(count: number, isTold: boolean): Wait[] {
  return Array.from({ length: count }, (_, index) => {
    const { job } = aJob(`j-${index}`);
    const own = isTold ? { ...job, status: told } : job;
    const waiter = waiterOf(own, { policy: defaultPolicy, highest: 'Urgent', settings: matchingSettings });
    return { waiter, position: index + 1 };
  });
}

function telling(notices: Notices, waits: readonly Wait[], changes: (name: string) => boolean = () => true) {
  return (pass: number, nowMs: number): { names: string[]; nextMs: number | undefined } => {
    const names: string[] = [];
    const nextMs = notices.tell(
      waits,
      pass,
      nowMs,
      ({ waiter }) => waiter.job,
      (_wait, { metadata }) => {
        const wrote = changes(metadata.name);
        if (wrote) names.push(metadata.name);
        return wrote;
      },
    );
    return { names, nextMs };
  };
}

describe('words are written', () => {
  it('the first time at once, however many jobs there are, and not again before the answer is back', () => {
    const tell = telling(new Notices(), lineOf(500, false));
    expect(tell(1, 0).names).toHaveLength(500);
    expect(tell(2, 100).names).toEqual([]);
  });

  it('a second time soon after the first, in front', () => {
    const waits = lineOf(30, false);
    const notices = new Notices();
    telling(notices, waits)(1, 0);
    const tell = telling(notices, lineOf(30, true));
    expect(tell(2, 1_999).names).toEqual([]);
    expect(tell(2, 2_000).names).toHaveLength(20);
    expect(tell(3, 16_999).names).toEqual([]);
  });

  it('to the front of the line every 15 s, to the others every minute', () => {
    const tell = telling(new Notices(), lineOf(30, true));
    expect(tell(1, 0)).toEqual({ names: [], nextMs: 15_000 });
    expect(tell(2, 14_999).names).toEqual([]);
    expect(tell(2, 15_000).names).toHaveLength(20);
    expect(tell(3, 30_000).names).toHaveLength(20);
    expect(tell(4, 60_000).names).toHaveLength(20);
    expect(tell(4, 61_000).names).toHaveLength(10);
  });

  it('at most twenty in a second, and everyone has a turn', () => {
    const waits = lineOf(200, true);
    const tell = telling(new Notices(), waits);
    tell(1, 0);
    const seen = new Set<string>();
    for (let second = 60; second < 90; second++) {
      const { names } = tell(second, second * 1000);
      expect(names.length).toBeLessThanOrEqual(20);
      for (const name of names) seen.add(name);
    }
    expect(seen.size).toBe(200);
  });

  it('not at all while no pass has looked again, and not when they would be the same', () => {
    const tell = telling(new Notices(), lineOf(5, true), () => false);
    tell(1, 0);
    expect(tell(2, 16_000)).toEqual({ names: [], nextMs: undefined });
    expect(tell(2, 60_000)).toEqual({ names: [], nextMs: undefined });
  });

  it('after as long again when they were the same, for working them out costs as much as writing them', () => {
    let changed = false;
    const tell = telling(new Notices(), lineOf(1, true), () => changed);
    tell(1, 0);
    tell(2, 16_000);
    changed = true;
    expect(tell(3, 16_001)).toEqual({ names: [], nextMs: 14_999 });
    expect(tell(3, 31_000).names).toEqual(['j-0']);
  });
});

describe('other words', () => {
  const { job } = aJob('j').published();
  const wait = (position: number, reason: WaitReason = 'OwnerPresent'): Explanation => {
    const message = `${position} in line`;
    return { reason, message, waiting: { position, message, reasons: [{ reason, machines: 1, message }] } };
  };
  const withReason = (words: Explanation, reason: WaitReason): Explanation => {
    const reasons = [...(words.waiting.reasons ?? []), { reason, machines: 1, message: 'more' }];
    return { ...words, waiting: { ...words.waiting, reasons } };
  };
  const waiting: ComputeJob = { ...job, status: waitingStatus(job, wait(100), { id: 'x', at: at(0) }) };
  const minutes = (sinceMinutes: number, front = false): Said => ({ front, sinceMs: sinceMinutes * 60_000 });

  it.each<[string, Explanation, Said, boolean]>([
    ['the same words', wait(100), minutes(60, true), false],
    ['one place nearer, in front', wait(99), minutes(0, true), true],
    ['one place nearer, far behind', wait(99), minutes(14), false],
    ['one place nearer, far behind, after a while', wait(99), minutes(15), true],
    ['much nearer', wait(75), minutes(1), true],
    ['much farther', wait(125), minutes(1), true],
    ['not quite as much', wait(76), minutes(1), false],
    ['another reason', wait(100, 'Cordoned'), minutes(1), true],
    ['a reason more', withReason(wait(100), 'ReservedForEarlier'), minutes(1), true],
  ])('are worth a write or not: %s', (_name, words, said, worth) => {
    expect(isNews(waiting, words, said)).toBe(worth);
  });

  it('are worth one whatever they are when there are none', () => {
    expect(isNews(job, wait(100), minutes(0))).toBe(true);
  });
});
