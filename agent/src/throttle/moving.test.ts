// Which guests the agent does not hold back.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { MigrationState, VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { MovingGuests, movingPods } from './moving.ts';

const job = aJob('j').published().claimedBy('pc-1').job;
const activePods = { 'uid-here': 'pc-1', 'uid-there': 'pc-2' };
const guest = (migrationState?: Partial<MigrationState>): VirtualMachineInstance => {
  const vmi = aVmi(aVm(job), 'Running', 'pc-1');
  return { ...vmi, status: { ...vmi.status, activePods, ...(migrationState ? { migrationState } : {}) } };
};
const startTimestamp = '2026-01-01T12:00:00Z';

describe('a guest', () => {
  it.each<[string, Partial<MigrationState> | undefined, string[]]>([
    ['that runs is none', undefined, []],
    ['whose target is being prepared is none yet', { sourceNode: 'pc-1' }, []],
    ['that is copied away is one', { sourceNode: 'pc-1', startTimestamp }, ['uid-here']],
    ['whose source is not told is one', { startTimestamp }, ['uid-here']],
    ['that comes here is none', { sourceNode: 'pc-2', startTimestamp }, []],
    ['that has been copied is none', { sourceNode: 'pc-1', startTimestamp, endTimestamp: startTimestamp }, []],
  ])('%s', (_name, state, pods) => {
    expect(movingPods([guest(state)], 'pc-1')).toEqual(pods);
  });
});

describe('the cluster', () => {
  it('is asked only while guests are held back, and what it does not answer is nothing', async () => {
    let [wanted, asked, fails] = [false, 0, false];
    const guests = () => {
      asked++;
      return fails
        ? Promise.reject(new Error('away'))
        : Promise.resolve([guest({ sourceNode: 'pc-1', startTimestamp })]);
    };
    const log = pino({ level: 'silent' });
    const moving = new MovingGuests({ machine: 'pc-1', clock: systemClock, log, wanted: () => wanted, guests });
    const { signal } = new AbortController();
    await moving.look(signal);
    expect([asked, [...moving.pods]]).toEqual([0, []]);
    wanted = true;
    await moving.look(signal);
    expect([asked, [...moving.pods]]).toEqual([1, ['uid-here']]);
    fails = true;
    await moving.look(signal);
    expect([...moving.pods]).toEqual([]);
  });
});
