// What beats prove.
import { describe, expect, it } from '@jest/globals';
import { Beats, parseBeat } from './beats.ts';

/** "1.0 pc-1 a-1" is one beat. */
function violations(...beats: readonly string[]): (string | undefined)[] {
  const heard = new Beats();
  return beats.map((words) => heard.add(parseBeat(`${words} beat`)!));
}

describe('a line of the witness', () => {
  it('is a beat of one attempt, whose number is what follows the last dash', () => {
    expect(parseBeat('12.345 pc-2 my-job-3-14 beat')).toEqual({
      at: 12.345,
      machine: 'pc-2',
      job: 'my-job-3',
      attempt: 14,
    });
  });

  it.each(['', '12.345 pc-2 job-1 be', '12.345 pc-2 job beat', '12.345 pc-2 hello', 'pc-2 job-1 beat'])(
    '%j is none',
    (line) => {
      expect(parseBeat(line)).toBeUndefined();
    },
  );
});

describe('beats', () => {
  it('of one attempt after the other are good, also side by side with those of other jobs', () => {
    const found = violations(
      '1.0 pc-1 a-1',
      '1.5 pc-2 b-1',
      '2.0 pc-1 a-1',
      '9.0 pc-3 a-2',
      '9.1 pc-2 b-1',
      '9.2 pc-3 a-2',
    );
    expect(found.every((each) => each === undefined)).toBe(true);
  });

  it('of an older attempt after one of a newer are the proof that both ran', () => {
    const [first, second, third] = violations('1.0 pc-1 a-1', '2.0 pc-2 a-2', '2.5 pc-1 a-1');
    expect([first, second]).toEqual([undefined, undefined]);
    expect(third).toBe('a: attempt 1 beats on pc-1 0.500 s after attempt 2 began on pc-2');
  });

  it('of an attempt that moved are good, and those from where it left are not', () => {
    const found = violations('1.0 pc-1 a-1', '2.0 pc-2 a-1', '3.0 pc-3 a-1', '4.0 pc-2 a-1');
    expect(found).toEqual([undefined, undefined, undefined, 'a: attempt 1 beats on pc-2 again after it did on pc-3']);
  });

  it('tell when each attempt lived', () => {
    const heard = new Beats();
    for (const words of ['1.0 pc-1 a-1', '4.0 pc-1 a-1', '9.0 pc-2 a-2']) heard.add(parseBeat(`${words} beat`)!);
    expect(heard.lifeOf('a', 1)).toMatchObject({ first: 1, last: 4 });
    expect(heard.lifeOf('a', 2)).toMatchObject({ first: 9, last: 9 });
    expect(heard.lifeOf('a', 3)).toBeUndefined();
    expect(heard.lifeAfter('a', 0)).toMatchObject({ first: 1 });
    expect(heard.lifeAfter('a', 1)).toMatchObject({ first: 9 });
    expect(heard.lifeAfter('a', 2)).toBeUndefined();
  });
});
