// Scenarios about jobs that get in each other's way: by priority, and by name.

import type { Scenario } from './scenario.ts';
import { failsOnce, hasEnded, image, runs, step, whole } from './steps.ts';

const oneMachine = { 'pc-1': 'lab-a' };
const preempting = ['--preemption', 'lower', '--preemption-notice', '5s'];

export const rivals: readonly Scenario[] = [
  {
    name: 'a job that makes room for an urgent one',
    rooms: oneMachine,
    flags: preempting,
    jobs: { a: { ...image('exit-second-time'), ...whole, priority: 'Low' } },
    steps: [
      runs('a', (pool) => pool.submit('urgent', { ...image('exit-0-after-5000'), ...whole, priority: 'Urgent' })),
    ],
    ends: {
      a: { phase: 'Succeeded', attempt: 2, attempts: [{ reason: 'Preempted' }, { reason: 'Completed' }] },
      urgent: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
    },
  },
  {
    name: 'a notice that is called off, as the urgent job is deleted',
    rooms: oneMachine,
    flags: ['--preemption', 'lower', '--preemption-notice', '10m'],
    jobs: { a: { ...image('exit-0-after-90000'), ...whole, priority: 'Low' } },
    steps: [
      runs('a', (pool) => pool.submit('urgent', { ...image('exit-0-after-5000'), ...whole, priority: 'Urgent' })),
      step(
        'it has notice',
        (pool) => pool.job('a')?.status?.preemption !== undefined,
        (pool) => pool.deleteJob('urgent'),
      ),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 }, urgent: 'gone' },
  },
  {
    name: 'jobs of one name in two namespaces',
    jobs: { a: image('exit-0-after-5000'), 'other/a': { ...image('exit-3-after-5000'), ...failsOnce } },
    ends: {
      a: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
      'other/a': { phase: 'Failed', exitCode: 3, attempt: 2, failures: 2 },
    },
  },
  {
    name: 'jobs of one name in two namespaces, of which one is deleted',
    jobs: { a: image('exit-0-after-20000'), 'other/a': image('for-ever') },
    steps: [runs('a'), runs('other/a', (pool) => pool.deleteJob('other/a')), hasEnded('a')],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 }, 'other/a': 'gone' },
  },
];
