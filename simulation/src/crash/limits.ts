// Scenarios about limits: quotas of the namespace, deadlines, and the time that a finished job is kept.

import { virtualMachines } from '@idlewild/operator/api/resources.ts';
import { errorFromResponse } from '@idlewild/operator/kube/errors.ts';
import type { Scenario } from './scenario.ts';
import { hasEnded, image, step } from './steps.ts';

export const limits: readonly Scenario[] = [
  {
    name: 'a quota that refuses the virtual machine for a while',
    jobs: { a: image('exit-0-after-5000') },
    refuses: ({ method, path }, pool) =>
      method === 'POST' && path.endsWith(virtualMachines.plural) && pool.clock.monotonic() < 30_000
        ? errorFromResponse(`${method} ${path}`, 403, quotaExceeded, undefined, 0)
        : undefined,
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 } },
  },
  {
    name: 'a finished job whose time is over',
    jobs: { a: { ...image('exit-0-after-5000'), ttlSecondsAfterFinished: 30 } },
    ends: { a: 'gone' },
  },
  {
    name: 'a quota that refuses the pod for a while',
    jobs: { a: image('exit-0-after-5000') },
    steps: [
      step(
        'at once',
        () => true,
        (pool) => {
          pool.podRefusal = podQuotaExceeded;
        },
      ),
      step(
        'it is told',
        (pool) => pool.job('a')?.status?.reason === 'QuotaExceeded',
        (pool) => {
          pool.podRefusal = undefined;
        },
      ),
    ],
    ends: { a: { phase: 'Succeeded', exitCode: 0, attempt: 1 } },
  },
  {
    name: 'a guest that never starts and is slow to go',
    behaviour: () => ({ shutdownMs: 45_000 }),
    jobs: { a: { ...image('silent'), startDeadline: '20s', retries: { limit: 1, when: ['StartFailed'] } } },
    // Two that count: with clocks apart by more than the deadline, one may be over before KubeVirt has begun, which does not.
    ends: { a: { phase: 'Failed', reason: 'StartFailed', failures: 2 } },
  },
  {
    name: 'a finished job that outlives two operators before its time is over',
    jobs: { a: { ...image('exit-0-after-5000'), ttlSecondsAfterFinished: 30 } },
    steps: [
      hasEnded('a', (_pool, operator) => operator.kill()),
      step(
        'the next one is at work',
        (pool) => {
          const finished = pool.job('a')?.status?.finishTime;
          return finished === undefined || pool.clock.now() > Date.parse(finished) + 10_000;
        },
        (_pool, operator) => operator.kill(),
      ),
    ],
    ends: { a: 'gone' },
  },
];

const podQuotaExceeded =
  'pods "virt-launcher-a-1-x" is forbidden: exceeded quota: compute, requested: requests.memory=2Gi, used: requests.memory=2Gi, limited: requests.memory=3Gi';

const quotaExceeded = {
  ...{ kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 },
  message:
    'virtualmachines.kubevirt.io "a-1" is forbidden: exceeded quota: compute, requested: count/virtualmachines.kubevirt.io=1',
};
