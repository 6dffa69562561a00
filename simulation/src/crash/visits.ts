// Scenarios of owners who come back: they stay, go again, or stay where nothing else takes the guest.

import type { Scenario } from './scenario.ts';
import { image, later, runs, step } from './steps.ts';

const isStill = (pool: Parameters<NonNullable<Scenario['steps']>[number]['holds']>[0]): boolean =>
  pool.vmi('a-1')?.status?.conditions?.some(({ type, status }) => type === 'Paused' && status === 'True') === true;
/** The first line that the status keeps of it. */
const frozen = { interruptions: { 0: { reason: 'Frozen', rung: 'Freeze' } }, ladder: undefined };

export const visits: readonly Scenario[] = [
  {
    name: 'an owner who returns',
    jobs: { a: image('exit-when-moved') },
    steps: [runs('a', (pool, machine) => pool.owner(machine, true))],
    ends: { a: { phase: 'Succeeded', attempt: 1, ...frozen } },
  },
  {
    name: 'an owner who looks in and goes again',
    rooms: { 'pc-1': 'lab-a' },
    jobs: { a: image('exit-0-after-60000') },
    steps: [
      runs('a', (pool, machine) => pool.owner(machine, true)),
      step('the guest stands still', isStill, (pool) => pool.owner('pc-1', false)),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1, ...frozen } },
  },
  {
    name: 'an owner who stays where nothing takes the guest',
    rooms: { 'pc-1': 'lab-a' },
    flags: ['--migrate-within', '2m'],
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => pool.owner(machine, true)),
      step(
        'the guest was shut down',
        (pool) => pool.job('a')?.status?.attempts?.[0]?.ended !== undefined,
        (pool) => pool.owner('pc-1', false),
      ),
      later('a', 2),
    ],
    // With a clock that jumps, its time to shut down may be over at once.
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 2, failures: 0, ...frozen } },
  },
];
