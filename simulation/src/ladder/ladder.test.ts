// The yield ladder with the whole operator on a simulated pool: what becomes of a guest whose machine's owner comes back.
import { describe, expect, it } from '@jest/globals';
import { virtualMachineInstanceSubresources } from '@idlewild/operator/api/resources.ts';
import { memoryTransport } from '../api/transport.ts';
import { namespace } from '../crash/pool.ts';
import { inLab, Lab, always, minuteMs } from '../evacuation/lab.ts';
import type { Death } from '../faults/mortal-transport.ts';

/** For tests that play the same many times. */
const patienceMs = 120_000;
const forEver = { image: { containerDisk: 'sim/for-ever' } };

function isStill(lab: Lab, job: string): boolean {
  const conditions = lab.pool.vmi(`${job}-${lab.pool.job(job)?.status?.attempt ?? 1}`)?.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Paused' && status === 'True');
}

function rungs(lab: Lab, job: string): (string | undefined)[] {
  return (lab.pool.job(job)?.status?.interruptions ?? []).map(({ reason }) => reason);
}

/** What a user does with virtctl. */
async function byHand(lab: Lab, job: string, what: 'pause' | 'unpause'): Promise<void> {
  const path = `/apis/${virtualMachineInstanceSubresources.group}/v1/namespaces/${namespace}/virtualmachineinstances/${job}-1/${what}`;
  await memoryTransport(lab.pool.api, { user: 'users' }, () => undefined).request({ method: 'PUT', path, body: {} });
}

describe('a guest whose machine’s owner comes back', () => {
  it('stands still within a second, says what comes next, and goes on in place when the owner leaves', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.owner(home, true);
      await lab.until('it is frozen', () => isStill(lab, 'a'), 1_000);
      expect(lab.told('a')).toBe('True Frozen');
      expect(lab.message('a')).toMatch(
        new RegExp(
          `^the owner of ${home} is back; the guest is frozen and moves at [0-9:]{8} UTC unless the owner leaves$`,
        ),
      );
      await lab.pool.clock.advance(10_000);
      expect(isStill(lab, 'a')).toBe(true);
      lab.pool.owner(home, false);
      await lab.until('it goes on', () => !isStill(lab, 'a'), 3_000);
      await lab.until('it is said', () => lab.told('a') === 'False Resumed', 3_000);
      expect(lab.on('a')).toBe(home);
      expect(rungs(lab, 'a')).toEqual(['Frozen', 'Resumed']);
      const { attempts = [], ladder } = lab.pool.job('a')?.status ?? {};
      expect(ladder).toBeUndefined();
      expect(attempts).toHaveLength(1);
      expect(attempts[0]?.secondsStill).toBeGreaterThanOrEqual(10);
      expect(attempts[0]?.secondsStill).toBeLessThan(13);
    }));

  it('is moved after twenty seconds, and goes on where it arrives', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.owner(home, true);
      await lab.pool.clock.advance(19_000);
      expect(lab.moving()).toBe(0);
      await lab.until('it has moved', () => lab.on('a') !== home, minuteMs);
      await lab.until(
        'it goes on',
        () => !isStill(lab, 'a') && lab.pool.job('a')?.status?.ladder === undefined,
        10_000,
      );
      expect(rungs(lab, 'a').sort()).toEqual(['Frozen', 'OwnerReturned', 'Resumed']);
      expect(lab.told('a').startsWith('False')).toBe(true);
      expect(lab.pool.job('a')?.status?.attempts).toHaveLength(1);
    }));

  it('is called back while its target is not ready, and goes on in place', () =>
    inLab(new Lab(['pc-1', 'pc-2'], always('stuckTarget')), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.owner(home, true);
      await lab.until('it is on its way', () => lab.moving() === 1, minuteMs);
      lab.pool.owner(home, false);
      await lab.until('it goes on', () => lab.moving() === 0 && !isStill(lab, 'a'), 10_000);
      await lab.until('all is said', () => lab.pool.job('a')?.status?.ladder === undefined, 10_000);
      expect(lab.on('a')).toBe(home);
      expect(lab.told('a').startsWith('False')).toBe(true);
    }));

  it('is shut down when nothing takes it, and its job runs again when the owner has left', () =>
    inLab(new Lab(['pc-1']), async (lab) => {
      lab.pool.submit('a', {
        ...forEver,
        interruption: { exclusive: true, ownerReturns: 'Migrate', checkpoint: { script: 'sync', within: '30s' } },
      });
      await lab.until('it runs', () => lab.on('a') !== undefined);
      await lab.pool.clock.advance(5_000);
      lab.pool.owner('pc-1', true);
      await lab.until('it is said', () => lab.told('a') === 'True NoMachineForGuest', minuteMs);
      expect(lab.message('a')).toContain('stands still and is shut down at');
      await lab.until(
        'it is parked',
        () => lab.pool.job('a')?.status?.attempts?.[0]?.reason === 'Parked',
        33 * minuteMs,
      );
      expect(lab.pool.job('a')?.status?.attempts?.[0]).toMatchObject({ secondsLost: 0 });
      expect(rungs(lab, 'a')).toEqual(['Frozen', 'Parking', 'Parked']);
      await lab.pool.clock.advance(minuteMs);
      expect(lab.on('a')).toBeUndefined();
      lab.pool.owner('pc-1', false);
      await lab.until(
        'it runs again',
        () => lab.pool.job('a')?.status?.attempt === 2 && lab.on('a') === 'pc-1',
        minuteMs,
      );
    }));

  it('stays frozen for as long as it takes if its job says so', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      lab.pool.submit('a', { ...forEver, walltime: '5m', interruption: { exclusive: true, ownerReturns: 'Freeze' } });
      await lab.until('it runs', () => lab.on('a') !== undefined);
      const home = lab.on('a') ?? '';
      await lab.pool.clock.advance(5_000);
      lab.pool.owner(home, true);
      await lab.pool.clock.advance(60 * minuteMs);
      expect(isStill(lab, 'a')).toBe(true);
      expect(lab.message('a')).toBe(`the owner of ${home} is back; the guest is frozen until the owner leaves`);
      lab.pool.owner(home, false);
      await lab.until('it goes on', () => lab.told('a') === 'False Resumed', 10_000);
      expect(lab.on('a')).toBe(home);
      // Its time did not run meanwhile, and runs now.
      await lab.until('its time is over', () => lab.pool.job('a')?.status?.phase === 'Failed', 6 * minuteMs);
    }));

  it('is begun anew elsewhere at once if its job says so', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      lab.pool.submit('a', { ...forEver, interruption: { exclusive: true, ownerReturns: 'Restart' } });
      await lab.until('it runs', () => lab.on('a') !== undefined);
      const home = lab.on('a') ?? '';
      lab.pool.owner(home, true);
      await lab.until('it runs elsewhere', () => ![home, undefined].includes(lab.on('a')), minuteMs);
      expect(lab.pool.job('a')?.status?.attempts).toMatchObject([{ reason: 'OwnerReturned' }, { number: 2 }]);
      expect(rungs(lab, 'a')).toEqual(['OwnerReturned']);
    }));

  it('moves at once, awake, when the owner is short of memory', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.owner(home, true, { reason: 'Pressure', pressure: 'memory' });
      await lab.until('it is on its way', () => lab.moving() === 1, 2_000);
      await lab.until('it has moved', () => lab.on('a') !== home, minuteMs);
      expect(isStill(lab, 'a')).toBe(false);
      await lab.pool.clock.advance(10_000);
      expect(rungs(lab, 'a')).toEqual(['OwnerReturned']);
      expect(lab.pool.job('a')?.status?.ladder).toBeUndefined();
    }));

  it('is not made to go on when somebody else had paused it', () =>
    inLab(new Lab(['pc-1']), async (lab) => {
      await lab.run(['a']);
      await byHand(lab, 'a', 'pause');
      lab.pool.owner('pc-1', true);
      await lab.pool.clock.advance(10_000);
      lab.pool.owner('pc-1', false);
      await lab.pool.clock.advance(minuteMs);
      expect(isStill(lab, 'a')).toBe(true);
      expect(rungs(lab, 'a')).toEqual([]);
    }));
});

describe('a machine that shuts down', () => {
  it('is left by its guest while there is time, and the guest is shut down when there is not', () =>
    inLab(new Lab(['pc-1', 'pc-2'], always('stuckTarget')), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      const leavesBy = new Date(lab.pool.clock.now() + 25_000).toISOString();
      lab.pool.owner(home, true, { reason: 'Leaving', leavesBy });
      await lab.until('it is on its way', () => lab.moving() === 1, 2_000);
      await lab.until('it is shut down', () => lab.pool.job('a')?.status?.attempts?.[0]?.reason === 'Parked', 25_000);
      expect(lab.pool.clock.now()).toBeLessThan(Date.parse(leavesBy));
    }));
});

describe('a guest that is taken down while it stands still', () => {
  const stop = (pool: Lab['pool']) => pool.stopJob('a');
  const remove = (pool: Lab['pool']) => pool.deleteJob('a');
  it.each([
    ['stopped', stop],
    ['deleted', remove],
  ])('as its job is %s, is awake for its shutdown, long before it would lose its power', (_how, end) =>
    inLab(new Lab(['pc-1']), async (lab) => {
      await lab.run(['a']);
      lab.pool.owner('pc-1', true);
      await lab.until('it is frozen', () => isStill(lab, 'a'), 1_000);
      await lab.pool.clock.advance(5_000);
      const ends: string[] = [];
      lab.pool.kubeVirt.guests.watch({ ended: (_guest, how) => void ends.push(how) });
      end(lab.pool);
      await lab.until('it is off', () => ends.length > 0, 15_000);
      expect(ends).toEqual(['shutDown']);
    }),
  );
});

describe('an operator that dies while a guest is frozen and parked', () => {
  async function play(death?: Death): Promise<number> {
    const lab = new Lab(['pc-1'], {}, death === undefined ? {} : { death });
    await inLab(lab, async () => {
      await lab.run(['a']);
      lab.pool.owner('pc-1', true);
      await lab.until('it is frozen', () => isStill(lab, 'a'), minuteMs);
      lab.pool.owner('pc-1', false);
      await lab.until('it goes on', () => !isStill(lab, 'a'), minuteMs);
      await lab.until('it is said', () => lab.told('a') === 'False Resumed', minuteMs);
      lab.pool.owner('pc-1', true);
      await lab.until(
        'it is parked',
        () => lab.pool.job('a')?.status?.attempts?.[0]?.reason === 'Parked',
        40 * minuteMs,
      );
      lab.pool.owner('pc-1', false);
      await lab.until(
        'it runs again',
        () => lab.pool.job('a')?.status?.attempt === 2 && lab.on('a') === 'pc-1',
        10 * minuteMs,
      );
      expect(isStill(lab, 'a')).toBe(false);
      expect(rungs(lab, 'a')).toEqual(['Frozen', 'Resumed', 'Frozen', 'Parking', 'Parked']);
    });
    return lab.writes;
  }

  it.each(['before', 'after'] as const)(
    'is followed by one that ends it the same, killed %s any write',
    async (when) => {
      const writes = await play();
      expect(writes).toBeGreaterThan(12);
      for (let write = 1; write <= writes; write++) await play({ write, when });
    },
    patienceMs,
  );
});
