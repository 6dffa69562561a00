// What a leader does whose watch of the jobs is behind what the cluster has: nothing that cannot be taken back.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at } from '../../../test/builders/job.ts';
import { aLifecycle } from '../../../test/builders/lifecycle.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { World } from '../world/world.ts';

const log = pino({ level: 'silent' });
const key = 'default/job';
const withVersion = (job: ComputeJob, resourceVersion: string): ComputeJob => ({
  ...job,
  metadata: { ...job.metadata, resourceVersion },
});

/** A job in three versions: its first attempt has ended (1), its second was claimed (2), and somebody labelled it (3). */
const ended = aJob('job').published().claimedBy('pc-1').created().started(10).ended('MachineLost');
const first = withVersion(ended.job, '1');
const second = withVersion(ended.claimedBy('pc-2').job, '2');
const third: ComputeJob = {
  ...withVersion(second, '3'),
  metadata: { ...second.metadata, resourceVersion: '3', labels: { a: 'b' } },
};

/** The watch has told of the first version, and of the guest of the second attempt; the API server has `stored`. */
function setUp(stored: ComputeJob | undefined) {
  const clock = new FakeClock(Date.parse(at(60)));
  const asked: string[] = [];
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path }) => {
      asked.push(`${method} ${path.split('/').slice(-2).join('/')}`);
      if (method === 'PATCH') return Promise.reject(new KubeError('modified', { kind: 'conflict', status: 409 }));
      if (method === 'GET' && stored) return Promise.resolve({ status: 200, headers: {}, body: stored });
      if (method === 'DELETE') return Promise.resolve({ status: 200, headers: {}, body: {} });
      return Promise.reject(new KubeError('no such job', { kind: 'notFound', status: 404 }));
    },
    stream: () => Promise.reject(new KubeError('no logs here', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const client = new KubeClient(transport, { clock });
  const world = new World({ client, log, clock });
  const { informers } = world;
  informers.nodes.store.set(aMachine('pc-2'));
  informers.jobs.store.set(first);
  const vm = aVm(second);
  informers.vms.store.set(vm);
  informers.vmis.store.set(aVmi(vm, 'Running', 'pc-2'));
  informers.pods.store.set(aPod(vm, 'pc-2'));
  const { lifecycle, consoles, writer } = aLifecycle({ client, clock, world });
  const look = () => lifecycle.reconcile(key, { log, reconcileId: 'x', signal: new AbortController().signal } as never);
  const seen = (): string | undefined => world.jobs.get(key)?.metadata.resourceVersion;
  return { look, asked, seen, writer, world, end: () => consoles.close() };
}

describe('a view that is behind', () => {
  it('does not cost the guest of an attempt that it has not heard of', async () => {
    const { look, asked, seen, end } = setUp(second);
    const { requeueAfterMs } = (await look()) ?? {};
    expect(asked).toEqual(['GET computejobs/job']);
    expect([seen(), requeueAfterMs]).toEqual(['2', 1_000]);
    end();
  });

  it('is none when the API server knows of no such attempt either: its guest is taken away', async () => {
    const { look, asked, end } = setUp(first);
    await look();
    expect(asked).toEqual(['GET computejobs/job', 'DELETE virtualmachines/job-2']);
    end();
  });

  it('is brought up to date by a conflict, and does not fall back behind writes of its own', async () => {
    const { writer, world, seen, end } = setUp(third);
    world.jobs.wrote(second);
    await expect(writer.status(second, { ...second.status, phase: 'Running' })).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(seen()).toBe('3');
    end();
  });

  it('ends with the job, when that turns out to be gone', async () => {
    const { writer, world, seen, end } = setUp(undefined);
    world.jobs.wrote(second);
    await expect(writer.refresh(second)).resolves.toBe(true);
    expect(seen()).toBe('1');
    end();
  });
});
