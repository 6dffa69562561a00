// How often a job is told why its guest stays though it has to leave.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { aJob, noon } from '../../../test/builders/job.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import type { Deps } from '../deps.ts';
import { FakeClock } from '../kube/clock.ts';
import { Telling } from './telling.ts';

const minuteMs = 60_000;
const key = 'default/j';

function setUp() {
  const clock = new FakeClock(noon);
  let { job } = aJob('j').published().claimedBy('pc-1').created().started();
  const written: (readonly [minute: number, message: string | undefined])[] = [];
  const recorded: unknown[] = [];
  const writer = {
    status: (before: ComputeJob, status: ComputeJob['status']) => {
      job = { ...before, ...(status ? { status } : {}) };
      written.push([clock.monotonic() / minuteMs, getCondition(status?.conditions, 'Interrupted')?.message]);
      return Promise.resolve(job);
    },
  };
  const ledger = { record: (_job: ComputeJob, note: unknown) => void recorded.push(note) };
  const deps = { clock, writer, ledger, log: pino({ level: 'silent' }) };
  const telling = new Telling(deps as unknown as Deps);
  const stay = (message: string, reason: 'NoMachineForGuest' | 'WaitingForTurn' = 'NoMachineForGuest') =>
    telling.stay(key, job, { kind: 'stay', reason, cause: 'OwnerReturned', message });
  return { clock, telling, written, recorded, stay, job: () => job };
}

describe('a job whose guest has to leave and cannot', () => {
  it('is told at once, and of other numbers the less often the longer that lasts', async () => {
    const { clock, written, recorded, stay } = setUp();
    for (let minute = 0; minute <= 60; minute++) {
      await stay(`${minute} machines are full`);
      await clock.advance(minuteMs);
    }
    expect(written.map(([minute]) => minute)).toEqual([0, 1, 2, 4, 8, 16, 31, 46]);
    expect(written.at(-1)?.[1]).toBe('46 machines are full');
    expect(recorded).toHaveLength(1);
  });

  it('is told of another reason at once', async () => {
    const { clock, written, recorded, stay } = setUp();
    await stay('none fits');
    await clock.advance(1_000);
    await stay('two are on the way', 'WaitingForTurn');
    await stay('none fits');
    expect(written.map(([, message]) => message)).toEqual(['none fits', 'two are on the way', 'none fits']);
    expect(recorded).toHaveLength(3);
  });

  it('is not written to when the words are the same', async () => {
    const { clock, written, stay } = setUp();
    for (let minute = 0; minute < 60; minute++) {
      await stay('none fits');
      await clock.advance(minuteMs);
    }
    expect(written).toHaveLength(1);
  });

  it('is looked at again when words are due, and until then nobody need work them out', async () => {
    const { clock, telling, stay, job } = setUp();
    expect(telling.isDue(key, job(), 'NoMachineForGuest')).toBe(true);
    expect(await stay('none fits')).toBe(minuteMs);
    await clock.advance(20_000);
    expect(telling.isDue(key, job(), 'NoMachineForGuest')).toBe(false);
    expect(telling.isDue(key, job(), 'WaitingForTurn')).toBe(true);
    expect(await stay('others are full')).toBe(40_000);
    await clock.advance(40_000);
    expect(telling.isDue(key, job(), 'NoMachineForGuest')).toBe(true);
  });

  it('is told anew once it had left and has to leave again', async () => {
    const { clock, telling, written, stay } = setUp();
    await stay('none fits');
    telling.forget(key);
    await clock.advance(1_000);
    await stay('others are full');
    expect(written.map(([, message]) => message)).toEqual(['none fits', 'others are full']);
  });
});
