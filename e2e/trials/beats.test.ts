// What beats prove.
import { describe, expect, it } from '@jest/globals';
import { Beats, parseBeat, type Beat } from './beats.ts';

/** "1.0 pc-1 a-1" is one beat; a fourth word, one digit, tells one start of the attempt from another. */
function beat(words: string): Beat {
  const [at, machine, vm, start = '0'] = words.split(' ');
  return parseBeat(`${at} ${machine} ${vm} ${bootOf(start)} beat`)!;
}

const bootOf = (start: string): string => `${start.repeat(8)}-0000-4000-8000-000000000000`;

function violations(...beats: readonly string[]): (string | undefined)[] {
  const heard = new Beats();
  return beats.map((words) => heard.add(beat(words)));
}

describe('a line of the witness', () => {
  it('is a beat of one attempt, whose number is what follows the last dash', () => {
    expect(parseBeat(`12.345 pc-2 my-job-3-14 ${bootOf('7')} beat`)).toEqual({
      at: 12.345,
      machine: 'pc-2',
      job: 'my-job-3',
      attempt: 14,
      boot: bootOf('7'),
    });
  });

  it.each([
    '',
    '12.345 pc-2 job-1 beat',
    '12.345 pc-2 job-1 7777 beat',
    `12.345 pc-2 job ${bootOf('7')} beat`,
    '12.345 pc-2 hello',
    `pc-2 job-1 ${bootOf('7')} beat`,
  ])('%j is none', (line) => {
    expect(parseBeat(line)).toBeUndefined();
  });
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

  it('of a second start of one attempt are the proof that it ran twice, also on one machine', () => {
    const found = violations('1.0 pc-1 a-1 7', '2.0 pc-1 a-1 8', '2.1 pc-1 a-1 7', '2.2 pc-2 a-1 8', '9.0 pc-3 a-2 8');
    const twice = (where: string, s: string) =>
      `a: attempt 1 beats from another start, on ${where}, ${s} s after it began on pc-1`;
    expect(found).toEqual([undefined, twice('pc-1', '1.000'), undefined, twice('pc-2', '1.200'), undefined]);
  });

  it('tell when each attempt lived', () => {
    const heard = new Beats();
    for (const words of ['1.0 pc-1 a-1', '4.0 pc-1 a-1', '9.0 pc-2 a-2']) heard.add(beat(words));
    expect(heard.lifeOf('a', 1)).toMatchObject({ first: 1, last: 4 });
    expect(heard.lifeOf('a', 2)).toMatchObject({ first: 9, last: 9 });
    expect(heard.lifeOf('a', 3)).toBeUndefined();
    expect(heard.lifeAfter('a', 0)).toMatchObject({ first: 1 });
    expect(heard.lifeAfter('a', 1)).toMatchObject({ first: 9 });
    expect(heard.lifeAfter('a', 2)).toBeUndefined();
  });
});
