// The scenarios that every death and every fault is tried on.

import type { MigrationPlan } from '../kubevirt/behaviour.ts';
import { limits } from './limits.ts';
import { losses } from './losses.ts';
import { rivals } from './rivals.ts';
import type { Scenario, Step } from './scenario.ts';
import { copying, failsOnce, image, later, runs, step, whole } from './steps.ts';
import { stops } from './stops.ts';
import { visits } from './visits.ts';

const moved = { reason: 'Drained', rung: 'Migrate' };

/** Each moment at which somebody deletes the job. */
const deletions: Scenario[] = (
  [
    ['before anybody looked at it', () => true],
    ['once it has been claimed', (pool) => pool.job('a')?.status?.node !== undefined],
    ['once its virtual machine is there', (pool) => pool.hasVm('a-1')],
    ['while it boots', (pool) => pool.vmi('a-1')?.status?.phase === 'Running'],
    ['while it runs', (pool) => pool.runsOn('a') !== undefined],
    ['when it has ended', (pool) => pool.job('a')?.status?.phase === 'Succeeded'],
  ] satisfies [string, Step['holds']][]
).map(([when, holds]) => ({
  name: `a job deleted ${when}`,
  jobs: { a: image('exit-0-after-20000') },
  steps: [step(when, holds, (pool) => pool.deleteJob('a'))],
  ends: { a: 'gone' },
}));

export const scenarios: readonly Scenario[] = [
  {
    name: 'jobs that run to their ends',
    jobs: { a: image('exit-0-after-5000'), b: image('exit-0-after-9000'), c: image('exit-0-after-1000') },
    ends: {
      a: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
      b: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
      c: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
    },
  },
  {
    name: 'a script that fails and is repeated',
    jobs: { a: { ...image('exit-3-after-5000'), ...failsOnce } },
    ends: { a: { phase: 'Failed', exitCode: 3, attempt: 2, failures: 2 } },
  },
  {
    name: 'a guest that never starts',
    jobs: { a: { ...image('silent'), startDeadline: '30s', retries: { limit: 1, when: ['StartFailed'] } } },
    ends: { a: { phase: 'Failed', reason: 'StartFailed', attempt: 2, failures: 2 } },
  },
  {
    name: 'a drain that moves the guest',
    jobs: { a: image('exit-when-moved') },
    steps: [runs('a', (pool, machine) => pool.kubeVirt.drain(machine))],
    ends: { a: { phase: 'Succeeded', attempt: 1, interruptions: [moved] } },
  },
  {
    name: 'a drain of a guest that nobody can take',
    rooms: { 'pc-1': 'lab-a' },
    jobs: { a: image('exit-0-after-120000') },
    steps: [runs('a', (pool, machine) => pool.kubeVirt.drain(machine))],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 } },
  },
  ...visits,
  {
    name: 'a migration that fails once',
    behaviour: () => {
      let tried = 0;
      const migration = (): MigrationPlan => ({ outcome: ++tried === 1 ? 'fails' : 'succeeds', copyMs: 4_000 });
      return { migration };
    },
    jobs: { a: image('exit-when-moved') },
    steps: [runs('a', (pool, machine) => pool.kubeVirt.drain(machine))],
    ends: { a: { phase: 'Succeeded', attempt: 1 } },
  },
  {
    name: 'a machine that is lost',
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.powerOff(machine)),
      later('a', 2),
      step(
        'it has ended',
        (pool) => pool.job('a')?.status?.phase === 'Succeeded',
        (pool) => pool.restore(),
      ),
    ],
    ends: {
      a: { phase: 'Succeeded', attempt: 2, attempts: [{ reason: 'MachineLost' }, { reason: 'Completed' }] },
    },
  },
  {
    name: 'a room that is lost',
    rooms: { 'pc-1': 'lab-a', 'pc-2': 'lab-a', 'pc-3': 'lab-b', 'pc-4': 'lab-b' },
    jobs: { a: { ...image('exit-0-after-300000'), ...whole }, b: { ...image('exit-0-after-300000'), ...whole } },
    steps: [
      runs('a'),
      runs('b', (pool) => {
        const lost = ['pc-1', 'pc-2'].includes(pool.runsOn('a') ?? '') ? ['pc-1', 'pc-2'] : ['pc-3', 'pc-4'];
        for (const machine of lost) pool.kubeVirt.powerOff(machine);
      }),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 2 }, b: { phase: 'Succeeded', exitCode: 0 } },
  },
  {
    name: 'a machine that is lost as the source of a migration',
    behaviour: () => ({ migration: () => ({ outcome: 'succeeds', copyMs: 60_000 }) }),
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.drain(machine)),
      copying((pool, from) => pool.kubeVirt.powerOff(from)),
    ],
    ends: { a: { phase: 'Succeeded', attempt: 2 } },
  },
  {
    name: 'a machine that is lost as the target of a migration',
    behaviour: () => {
      let tried = 0;
      return { migration: (): MigrationPlan => ({ outcome: 'succeeds', copyMs: ++tried === 1 ? 60_000 : 4_000 }) };
    },
    jobs: { a: image('exit-when-moved') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.drain(machine)),
      copying((pool, _from, to) => pool.kubeVirt.powerOff(to)),
    ],
    ends: { a: { phase: 'Succeeded', attempt: 1 } },
  },
  {
    name: 'a virtual machine that somebody deletes',
    jobs: { a: image('exit-second-time') },
    steps: [runs('a', (pool) => pool.deleteVm('a-1'))],
    ends: { a: { phase: 'Succeeded', attempt: 2, attempts: [{ reason: 'TakenAway' }, { reason: 'Completed' }] } },
  },
  ...deletions,
  {
    name: 'a job that is deleted and made again under its name',
    jobs: { a: image('for-ever') },
    steps: [
      runs('a', (pool) => {
        pool.deleteJob('a');
      }),
      step(
        'its name is free',
        (pool) => pool.job('a') === undefined,
        (pool) => pool.submit('a', image('exit-0-after-5000')),
      ),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0 } },
  },
  ...limits,
  ...losses,
  ...rivals,
  ...stops,
];
