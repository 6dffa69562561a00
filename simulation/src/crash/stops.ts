// Scenarios of users who stop their jobs: while these wait, start, run, move, stand still, or are on a machine that is lost.

import type { Pool } from './pool.ts';
import type { Scenario, Step } from './scenario.ts';
import { copying, image, runs, step, whole } from './steps.ts';

const ended = { phase: 'Failed', reason: 'Stopped' };
const isStill = (pool: Pool): boolean =>
  pool.vmi('a-1')?.status?.conditions?.some(({ type, status }) => type === 'Paused' && status === 'True') === true;
const boots: Step['holds'] = (pool) => pool.vmi('boots-1')?.status?.phase === 'Running';

export const stops: readonly Scenario[] = [
  {
    name: 'jobs that are stopped while they wait, start and run',
    jobs: {
      runs: { ...image('for-ever'), ...whole },
      desk: { ...image('for-ever'), ...whole, mode: 'Session' },
      boots: { ...image('silent'), ...whole },
    },
    steps: [
      runs('runs'),
      runs('desk'),
      step('one boots', boots, (pool) => pool.submit('waits', { ...image('for-ever'), ...whole })),
      step(
        'one waits',
        (pool) => pool.job('waits')?.status?.waiting !== undefined,
        (pool) => ['waits', 'boots', 'runs', 'desk'].forEach((name) => pool.stopJob(name)),
      ),
    ],
    ends: {
      waits: { ...ended, attempt: undefined, waiting: undefined },
      boots: { ...ended, attempt: 1, failures: 0 },
      runs: { ...ended, attempt: 1, failures: 0 },
      desk: { phase: 'Succeeded', reason: 'Stopped', attempt: 1 },
    },
  },
  {
    name: 'a job that is stopped before anybody looked at it',
    jobs: { a: image('for-ever') },
    steps: [
      step(
        'at once',
        () => true,
        (pool) => pool.stopJob('a'),
      ),
    ],
    ends: { a: ended },
  },
  {
    name: 'a job that is stopped while its guest moves',
    behaviour: () => ({ migration: () => ({ outcome: 'succeeds', copyMs: 60_000 }) }),
    jobs: { a: image('for-ever') },
    steps: [runs('a', (pool, machine) => pool.kubeVirt.drain(machine)), copying((pool) => pool.stopJob('a'))],
    ends: { a: { ...ended, attempt: 1 } },
  },
  {
    name: 'a job that is stopped while its guest stands still for an owner',
    rooms: { 'pc-1': 'lab-a' },
    jobs: { a: image('for-ever') },
    steps: [
      runs('a', (pool, machine) => pool.owner(machine, true)),
      step('the guest stands still', isStill, (pool) => pool.stopJob('a')),
    ],
    ends: { a: { ...ended, attempt: 1 } },
  },
  {
    name: 'a job that is stopped while its machine is cut off',
    jobs: { a: image('for-ever') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.cut(machine)),
      step(
        'its machine counts as lost',
        (pool) => ['pc-1', 'pc-2', 'pc-3'].some((machine) => pool.isLost(machine)),
        (pool) => pool.stopJob('a'),
      ),
    ],
    ends: { a: ended },
  },
];
