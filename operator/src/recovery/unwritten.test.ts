// Jobs on a lost machine of which one cannot be written: by a policy of the cluster, or because it has grown too large.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { aPod, aVm } from '../../../test/builders/guest.ts';
import { aJob, at } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { JobWriter } from '../world/job-writer.ts';
import { World } from '../world/world.ts';
import { usualPatience } from './leases.ts';
import { LeaseObservations } from './observations.ts';
import { Recovery } from './reconcile.ts';

const log = pino({ level: 'silent' });
const context = { log, reconcileId: 'r', signal: new AbortController().signal };
const jobs = ['a', 'b', 'c'].map((name) => aJob(name).published().claimedBy('pc-1').created().started(10).job);

/** An API server that fails so at the status of the first job. */
function setUp(failure: KubeError) {
  const clock = new FakeClock(Date.parse(at(600)));
  const asked: string[] = [];
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path, body }) => {
      if (method === 'GET') return Promise.reject(new KubeError('none', { kind: 'notFound', status: 404 }));
      const [, plural, name = ''] = /([a-z]+)\/([^/]+)(?:\/status)?$/.exec(path) ?? [];
      asked.push(`${method} ${plural}/${name}`);
      if (method === 'DELETE') return Promise.resolve({ status: 200, headers: {}, body: {} });
      if (name === 'a') return Promise.reject(failure);
      const job = jobs.find(({ metadata }) => metadata.name === name);
      const { status } = body as Pick<ComputeJob, 'status'>;
      const metadata = { ...job?.metadata, resourceVersion: '2' };
      return Promise.resolve({ status: 200, headers: {}, body: { ...job, metadata, status } });
    },
    stream: () => Promise.reject(new KubeError('nobody watches', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const client = new KubeClient(transport, { clock });
  const world = new World({ client, log, clock });
  const lost = aMachine('pc-1', { taints: [{ key: 'idlewild.dev/lost', effect: 'NoSchedule' }] });
  world.informers.nodes.store.set(lost);
  for (const job of jobs) {
    world.informers.jobs.store.set(job);
    world.informers.pods.store.set(aPod(aVm(job), 'pc-1'));
  }
  const writer = new JobWriter({ client, jobs: world.jobs, onWrite: () => undefined });
  const ledger = { record: () => undefined, machine: () => undefined };
  const deps = { client, clock, log, registry: new Registry(), world, writer, ledger } as never;
  const recovery = new Recovery(deps, new LeaseObservations(clock), usualPatience);
  return { look: () => recovery.reconcile('pc-1', context), asked };
}

describe('of a lost machine, a job that cannot be written', () => {
  it.each([
    ['is refused', new KubeError('denied', { kind: 'invalid', status: 422 })],
    ['is too large', new KubeError('etcdserver: request is too large', { kind: 'server', status: 500 })],
  ])('because it %s holds up no other job there, and keeps its pod until its turn', async (_why, failure) => {
    const { look, asked } = setUp(failure);
    await expect(look()).rejects.toBe(failure);
    expect(asked).toEqual([
      'PATCH computejobs/a',
      'PATCH computejobs/b',
      'PATCH computejobs/c',
      'DELETE pods/virt-launcher-b-1-pc-1',
      'DELETE pods/virt-launcher-c-1-pc-1',
    ]);
  });

  it('because nobody answers is no reason to ask for the others one by one', async () => {
    const failure = new KubeError('no complete answer', { kind: 'timeout' });
    const { look, asked } = setUp(failure);
    await expect(look()).rejects.toBe(failure);
    expect(asked).toEqual(['PATCH computejobs/a']);
  });
});
