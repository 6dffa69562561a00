// Which numbers make a fence, and which do not.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkFence, type AgentNumbers, type FenceNumbers } from './fence-arithmetic.ts';

const agent: AgentNumbers = { renewSeconds: 2, requestTimeoutSeconds: 1.5, killAfterSeconds: 6 };
const usual: FenceNumbers = {
  ...{ switchAfterSeconds: 7.5, checkSeconds: 0.6, killSeconds: 0.5, leaseSeconds: 10, marginSeconds: 1, agent },
};

describe('a fence', () => {
  it.each<[string, Partial<FenceNumbers>]>([
    ['of the usual numbers', {}],
    ['without a margin, where the lease alone is long enough', { marginSeconds: 0 }],
    ['that acts at the last moment', { switchAfterSeconds: 9.878 }],
    ['of which only the switch is known', { agent: undefined }],
  ])('%s is safe', (_what, change) => {
    expect(checkFence({ ...usual, ...change })).toEqual([]);
  });

  it.each<[string, Partial<FenceNumbers>, string]>([
    ['that acts when others have begun', { switchAfterSeconds: 10 }, 'may live for 11.111 s'],
    ['that acts in time only by perfect clocks', { switchAfterSeconds: 9.9 }, 'by a slow clock'],
    ['that takes long to kill', { killSeconds: 3, agent: undefined }, 'after 10.989 s'],
    ['that seldom looks', { checkSeconds: 4 }, 'checkSeconds 4'],
    ['of a lease that is soon over', { leaseSeconds: 7 }, 'leaseSeconds 7'],
    [
      'that never acts',
      { switchAfterSeconds: Number.POSITIVE_INFINITY },
      'switchAfterSeconds: must be a number of seconds',
    ],
    ['of no number', { killSeconds: Number.NaN }, 'killSeconds: must be a number of seconds above 0, is NaN'],
    ['that kills in no time', { killSeconds: 0 }, 'killSeconds: must be'],
    ['of time that runs backwards', { marginSeconds: -1 }, 'marginSeconds: must be'],
    ['that costs the guests at two lost requests', { agent: { ...agent, killAfterSeconds: 5.5 } }, 'above 5.5 s'],
    ['whose agent is no earlier than its switch', { agent: { ...agent, killAfterSeconds: 7 } }, 'must be below 7 s'],
    ['whose agent never renews', { agent: { ...agent, renewSeconds: 0 } }, 'renewSeconds: must be'],
  ])('%s is refused', (_what, change, words) => {
    const problems = checkFence({ ...usual, ...change });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });

  it('of numbers under which two copies could run is always refused, however the clocks go', () => {
    const above0 = fc.double({ min: 0.01, max: 60, noNaN: true });
    // The very limit is a matter of how a fraction is rounded.
    const rate = fc.double({ min: -0.000_999_9, max: 0.000_999_9, noNaN: true });
    const any = fc.record({
      ...{ switchAfterSeconds: above0, checkSeconds: above0, killSeconds: above0 },
      ...{ leaseSeconds: above0, marginSeconds: fc.double({ min: 0, max: 60, noNaN: true }) },
    });
    fc.assert(
      fc.property(any, rate, rate, (numbers, ofMachine, ofOperator) => {
        const { switchAfterSeconds, checkSeconds, killSeconds, leaseSeconds, marginSeconds } = numbers;
        // Real seconds, of clocks that run fast (above 0) or slow; the renewal was seen no sooner than it was sent.
        const gone = (switchAfterSeconds + checkSeconds + killSeconds) / (1 + ofMachine);
        const started = (leaseSeconds + marginSeconds) / (1 + ofOperator);
        if (gone > started) expect(checkFence(numbers)).not.toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
