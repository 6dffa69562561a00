// Scenarios about machines that fall silent: cut off, without their agent, heard at the last moment, or all of them at once.

import { machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import type { Pool } from './pool.ts';
import type { Scenario } from './scenario.ts';
import { hasEnded, image, later, runs, step } from './steps.ts';

const shared = { interruption: { exclusive: false, ownerReturns: 'Migrate' as const } };
const lostOnce = { attempts: [{ reason: 'MachineLost' }, { reason: 'Completed' }] };
const sealed = (machine: string) =>
  step(`${machine} is sealed`, (pool) => pool.leaseHolder(machine)?.startsWith('lost:') === true);

export const losses: readonly Scenario[] = [
  {
    name: 'a machine that is cut off and heard again when its job runs elsewhere',
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.cut(machine)),
      later('a', 2),
      hasEnded('a', (pool) => pool.restore()),
      step('it has joined again', (pool) => pool.leaseHolder('pc-1')?.startsWith('pc-1_') === true),
    ],
    ends: { a: { phase: 'Succeeded', attempt: 2, ...lostOnce } },
  },
  {
    name: 'a machine that is heard the moment before it would be sealed',
    jobs: { a: { ...image('exit-0-after-60000'), ...shared } },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.cut(machine)),
      step('it is welcomed back', (pool) => pool.kubeVirt.hosts.isReachable('pc-1') && !pool.isLost('pc-1')),
    ],
    refuses: ({ method, path }, pool) => {
      // Its renewal arrives between the last look at its lease and the seal.
      if (method === 'PUT' && path.includes(machineLeaseNamespace)) pool.kubeVirt.link('pc-1');
      return undefined;
    },
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 2, ...lostOnce } },
  },
  {
    name: 'an operator that is killed when a machine has just been sealed',
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.cut(machine)),
      { ...sealed('pc-1'), act: (_pool, operator) => operator.kill() },
      hasEnded('a', (pool) => pool.restore()),
    ],
    ends: { a: { phase: 'Succeeded', attempt: 2, ...lostOnce } },
  },
  {
    name: 'an agent that is killed, though its machine goes on',
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => pool.stopAgent(machine)),
      sealed('pc-1'),
      hasEnded('a', (pool) => pool.startAgent('pc-1')),
      step('it has joined again', (pool) => pool.leaseHolder('pc-1')?.startsWith('pc-1_') === true),
    ],
    ends: { a: { phase: 'Succeeded', attempt: 2 } },
  },
  {
    name: 'an agent that is followed by another one in time',
    jobs: { a: image('exit-0-after-60000') },
    steps: [
      runs('a', (pool, machine) => {
        pool.stopAgent(machine);
        pool.clock.setTimeout(() => pool.startAgent(machine), 3_000);
      }),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 } },
  },
  {
    name: 'an API server that nobody reaches for a minute',
    jobs: { a: { ...image('exit-0-after-120000'), ...shared }, b: image('exit-0-after-120000') },
    steps: [runs('a'), runs('b', downFor(60_000))],
    ends: {
      a: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
      b: { phase: 'Succeeded', exitCode: 0, attempt: 2 },
    },
  },
  {
    name: 'an API server and an operator that are gone together for a moment',
    jobs: { a: image('exit-0-after-30000') },
    steps: [
      runs('a', downFor(3_000)),
      step(
        'the server is gone',
        (pool) => pool.isDown,
        (_pool, operator) => operator.kill(),
      ),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 } },
  },
];

function downFor(ms: number) {
  return (pool: Pool): void => {
    pool.goDown();
    pool.clock.setTimeout(() => pool.comeUp(), ms);
  };
}
