import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../kube/clock.ts';
import { Pace } from './pace.ts';

describe('a pace', () => {
  it('lets each asker ask so often, then says when to try again', async () => {
    const clock = new FakeClock();
    const pace = new Pace({ perSecond: 0.5, burst: 2 }, clock);
    pace.take('a');
    pace.take('a');
    expect(() => pace.take('a')).toThrow(expect.objectContaining({ status: 429, headers: { 'retry-after': '2' } }));
    pace.take('b');
    await clock.advance(2_000);
    pace.take('a');
    expect(() => pace.take('a')).toThrow('try again in 2 s');
  });
});
