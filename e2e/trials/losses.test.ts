import { describe, expect, it } from '@jest/globals';
import { Losses } from './losses.ts';

describe('losses', () => {
  it('are told of a job that goes on to another attempt though nothing befell its machine', () => {
    const losses = new Losses();
    losses.saw('a', 1, 'pc-1', 1);
    losses.saw('a', 1, 'pc-1', 2);
    losses.strike(['pc-2'], 3);
    losses.saw('a', 2, 'pc-3', 9);
    expect(losses.take('b')).toEqual([]);
    expect(losses.take('a')).toEqual([{ job: 'a', attempt: 1, machine: 'pc-1', at: 9 }]);
    expect(losses.take()).toEqual([]);
  });

  it('are explained by what befell the machine while the attempt was there, and by nothing before', () => {
    const losses = new Losses();
    const back = losses.strike(['pc-1', 'pc-2'], 1);
    losses.saw('a', 1, 'pc-1', 2);
    back(3);
    losses.saw('a', 2, 'pc-2', 4);
    expect(losses.take()).toEqual([]);
    losses.saw('a', 3, 'pc-1', 5);
    expect(losses.take()).toMatchObject([{ attempt: 2, machine: 'pc-2' }]);
  });

  it('are none for an attempt that moves, whose new machine counts from then on', () => {
    const losses = new Losses();
    losses.saw('a', 1, 'pc-1', 1);
    losses.saw('a', 1, 'pc-2', 2);
    losses.strike(['pc-2'], 3);
    losses.saw('a', 2, 'pc-3', 4);
    expect(losses.take()).toEqual([]);
  });
});
