// The machines that stay in mind for a job, and what they are good for when its own is lost.
import { describe, expect, it } from '@jest/globals';
import { at, minuteMs, whole, type Witness } from './witness.ts';

const rooms = { 'pc-1': 'lab-a', 'pc-2': 'lab-a', 'pc-3': 'lab-b', 'pc-4': 'lab-b' };
const inMind = (witness: Witness, job: string): string[] =>
  (witness.job(job)?.status?.subscribers ?? []).map(({ node }) => node);

async function lost(witness: Witness): Promise<void> {
  await witness.advance(5_000);
  witness.pool.kubeVirt.powerOff(witness.on('a') ?? '');
  await witness.until('it goes on elsewhere', () => witness.job('a')?.status?.attempt === 2, 5 * minuteMs);
}

describe('the runners-up of a job whose machine is lost', () => {
  it('go before machines that would have been better by now', () =>
    at({ machines: rooms, flags: ['--runners-up', '1'] }, async (witness) => {
      witness.submit('a', whole);
      await witness.runs('a');
      expect(inMind(witness, 'a')).toEqual(['pc-1', 'pc-2']);
      // The room of the lost machine is a bad sign, so that a new job would go to the other room.
      await lost(witness);
      expect(witness.on('a')).toBe('pc-2');
      expect(witness.condition('a', 'Claimed')).toMatchObject({
        reason: 'RunnerUp',
        message: 'pc-2 was a runner-up of attempt 1',
      });
    }));

  it('are passed over when they have become unfit meanwhile', () =>
    at({ machines: rooms, flags: ['--runners-up', '2'] }, async (witness) => {
      witness.submit('a', whole);
      await witness.runs('a');
      expect(inMind(witness, 'a')).toEqual(['pc-1', 'pc-2', 'pc-3']);
      witness.pool.owner('pc-2', true);
      await lost(witness);
      expect(witness.on('a')).toBe('pc-3');
      expect(witness.condition('a', 'Claimed')?.reason).toBe('RunnerUp');
    }));

  it('give way to any machine that fits when none of them does', () =>
    at({ machines: rooms, flags: ['--runners-up', '1'] }, async (witness) => {
      witness.submit('a', whole);
      await witness.runs('a');
      witness.pool.owner('pc-2', true);
      await lost(witness);
      expect(['pc-3', 'pc-4']).toContain(witness.on('a'));
      expect(witness.condition('a', 'Claimed')?.reason).toBe('FirstReady');
    }));
});

describe('the list of a running job', () => {
  it('is looked at again as the world changes, and written only when nothing of it is of use any more', () =>
    at({ machines: rooms, flags: ['--runners-up', '1'] }, async (witness) => {
      witness.submit('a', whole);
      await witness.runs('a');
      await witness.advance(10 * minuteMs);
      const before = witness.statusWrites('a').length;
      // Something happens all the time; nothing of it is about the list.
      for (let minute = 0; minute < 20; minute++) {
        witness.pool.owner('pc-4', minute % 2 === 0);
        await witness.advance(minuteMs);
      }
      expect(witness.statusWrites('a')).toHaveLength(before);
      witness.pool.owner('pc-2', true);
      await witness.advance(6 * minuteMs);
      witness.pool.owner('pc-4', false);
      await witness.advance(minuteMs);
      expect(inMind(witness, 'a')).toEqual(['pc-1', 'pc-3']);
      expect(witness.statusWrites('a')).toHaveLength(before + 1);
    }));
});
