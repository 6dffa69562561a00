// Moments of the operator's life that need a right which no other scenario needs.

import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import {
  leases,
  networkPolicies,
  nodes,
  secrets,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import { attemptLabels, labels, machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import { namespace, type Pool } from '../../simulation/src/crash/pool.ts';
import type { Scenario } from '../../simulation/src/crash/scenario.ts';
import { hasEnded, image, runs, step } from '../../simulation/src/crash/steps.ts';

const admin = { user: 'admins' };
const policy = { namespace, name: 'idlewild-guests' };
/** Of an attempt that nobody made. */
const stray = { namespace, name: 'stray' };
const template = { spec: { domain: { devices: {}, memory: { guest: '64Mi' } } } };
const cloudInit = { namespace, name: 'a-1-cloudinit' };

const approve = (pool: Pool, machine: string, value: string): void => {
  pool.api.patch(nodes, { name: machine }, { metadata: { labels: { [labels.approved]: value } } }, admin);
};
const isPending = (pool: Pool): boolean =>
  (pool.api.get<Node>(nodes, { name: 'pc-1' })?.spec?.taints ?? []).some(
    ({ key }) => key === 'idlewild.dev/pending-approval',
  );
const succeeded = { a: { phase: 'Succeeded' as const, exitCode: 0 } };

export const moments: readonly Scenario[] = [
  {
    name: 'a policy of isolation that somebody changes',
    jobs: { a: image('exit-0-after-60000') },
    steps: [
      runs('a', (pool) => {
        pool.api.patch(networkPolicies, policy, { spec: { policyTypes: ['Ingress'] } }, admin);
      }),
      step('it is as it was', (pool) => JSON.stringify(pool.api.get(networkPolicies, policy)).includes('Egress')),
    ],
    ends: succeeded,
  },
  {
    name: 'a machine without an agent that is lost',
    jobs: { a: image('exit-second-time') },
    steps: [
      runs('a', (pool, machine) => {
        pool.kubeVirt.powerOff(machine);
        pool.api.delete(leases, { namespace: machineLeaseNamespace, name: machine }, admin);
      }),
      hasEnded('a'),
    ],
    ends: { a: { phase: 'Succeeded', attempt: 2 } },
  },
  {
    name: 'a machine that an admin revokes, and takes back',
    rooms: { 'pc-1': 'lab-a', 'pc-2': 'lab-a' },
    jobs: { a: image('exit-0-after-60000') },
    steps: [
      runs('a', (pool) => approve(pool, 'pc-1', 'revoked')),
      step(
        'its lease is ended',
        (pool) => pool.leaseHolder('pc-1') === undefined,
        (pool) => approve(pool, 'pc-1', 'true'),
      ),
    ],
    ends: { a: { phase: 'Succeeded' } },
  },
  {
    name: 'a machine that waits for its approval',
    jobs: { a: image('exit-0-after-5000') },
    steps: [
      step(
        'the job is there',
        () => true,
        (pool) => approve(pool, 'pc-1', 'false'),
      ),
      step('it is closed', isPending, (pool) => approve(pool, 'pc-1', 'true')),
      step('it is open', (pool) => !isPending(pool)),
    ],
    ends: succeeded,
  },
  {
    name: 'a drain that is called off',
    rooms: { 'pc-1': 'lab-a' },
    jobs: { a: image('exit-0-after-90000') },
    steps: [
      runs('a', (pool, machine) => pool.kubeVirt.drain(machine)),
      step(
        'the guest is asked to leave',
        (pool) => pool.vmi('a-1')?.status?.evacuationNodeName === 'pc-1',
        (pool) => pool.kubeVirt.uncordon('pc-1'),
      ),
      step('it need not any more', (pool) => pool.vmi('a-1')?.status?.evacuationNodeName === undefined),
    ],
    ends: succeeded,
  },
  {
    name: 'a virtual machine whose job is gone, and which the garbage collector leaves alone',
    jobs: { a: image('exit-0-after-90000') },
    steps: [
      runs('a', (pool) => {
        const job = { apiVersion: 'idlewild.dev/v1alpha1', kind: 'ComputeJob', name: 'gone', uid: 'no-such-job' };
        // It takes nothing that has another owner.
        const uid = pool.api.get<Node>(nodes, { name: 'pc-1' })?.metadata.uid;
        const other = { apiVersion: 'v1', kind: 'Node', name: 'pc-1', uid };
        const metadata = { ...stray, labels: attemptLabels('gone', 1), ownerReferences: [job, other] };
        pool.api.create(virtualMachines, { metadata, spec: { runStrategy: 'Halted', template } } as never, admin);
      }),
      step('it is swept away', (pool) => pool.api.get(virtualMachines, stray) === undefined),
    ],
    ends: succeeded,
  },
  {
    name: 'a guest without a virtual machine',
    jobs: { a: image('exit-0-after-5000') },
    steps: [
      hasEnded('a', (pool) => {
        const metadata = { ...stray, labels: attemptLabels('a', 1) };
        pool.api.create(virtualMachineInstances, { metadata, spec: template.spec } as never, admin);
      }),
      step('it is taken away', (pool) => pool.api.get(virtualMachineInstances, stray) === undefined),
    ],
    ends: succeeded,
  },
  {
    name: 'a Secret that is there without its nonce',
    jobs: { a: image('exit-0-after-5000') },
    refuses: ({ method, path }, pool) => {
      if (method !== 'POST' || !path.endsWith('/virtualmachines') || pool.clock.monotonic() > 2_000) return undefined;
      pool.api.patch(secrets, cloudInit, { data: { nonce: null } }, admin);
      return new KubeError('the API server is busy', { kind: 'server', status: 500 });
    },
    ends: succeeded,
  },
];
