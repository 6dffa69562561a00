// A claim: which machine a waiting job gets, which ones stay in mind for it, and why, in words.
// Promises: pure.

import { attemptsOf, type Subscriber } from '../model/job.ts';
import type { Waiter } from '../queue/waiter.ts';
import type { Ranked } from './score.ts';

export interface Claim {
  readonly waiter: Waiter;
  readonly node: string;
  readonly room?: string | undefined;
  /** The winner, then the runners-up. */
  readonly subscribers: readonly Subscriber[];
  readonly reason: 'FirstReady' | 'RunnerUp';
  readonly message: string;
}

/**
 * @param best the winner, then the runners-up
 * @param fitting how many machines were ready for it
 */
export function claimOf(waiter: Waiter, best: readonly Ranked[], fitting: number): Claim {
  const winner = best[0]?.machine;
  const node = winner?.name ?? '';
  const isFailover = waiter.preferred.includes(node);
  const many = fitting === 1 ? 'the only ready machine' : `the first of ${fitting} ready machines`;
  return {
    waiter,
    node,
    room: winner?.room,
    subscribers: best.map(subscriberOf),
    reason: isFailover ? 'RunnerUp' : 'FirstReady',
    message: isFailover ? `${node} was a runner-up of attempt ${attemptsOf(waiter.job).length}` : `${node} was ${many}`,
  };
}

export function subscriberOf({ machine, score, parts }: Ranked): Subscriber {
  return { node: machine.name, ...(machine.since === undefined ? {} : { readySince: machine.since }), score, parts };
}
