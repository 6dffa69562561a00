// What is left of an attempt and cannot be deleted: it holds up nothing else, its guest is powered off, and its job says why.
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at } from '../../../test/builders/job.ts';
import { aLifecycle } from '../../../test/builders/lifecycle.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport, TransportRequest } from '../kube/transport.ts';
import { World } from '../world/world.ts';
import { collectorMs } from './orphans.ts';

const log = pino({ level: 'silent' });
const context = { log, reconcileId: 'x', signal: new AbortController().signal };
const words = 'virtualmachines.kubevirt.io "job-1" is forbidden: protected by its label';
const forbidden = new KubeError(words, { kind: 'invalid', status: 422, body: { message: words } });
const broken = new KubeError('no', { kind: 'server', status: 500 });

const former = aJob('job').published().claimedBy('pc-1').created().started(10).ended('TakenAway');
const again = former.claimedBy('pc-2').job;

let end: () => void = () => undefined;
afterEach(() => end());

/** An API server that deletes no virtual machine. */
function setUp(job: ComputeJob, vm: VirtualMachine, refusal: () => KubeError | undefined) {
  const clock = new FakeClock(Date.parse(at(60)));
  const asked: TransportRequest[] = [];
  let version = 10;
  const answer = (request: TransportRequest): unknown => {
    const { method, path } = request;
    const body = request.body as { metadata?: object; status?: object; spec?: object } | undefined;
    const metadata = { resourceVersion: String(++version) };
    if (method === 'DELETE') {
      const error = refusal();
      if (error) throw error;
      return {};
    }
    if (method === 'PATCH' && path.endsWith('/status')) {
      const known = world.jobs.get('default/job') ?? job;
      return { ...known, metadata: { ...known.metadata, ...metadata }, status: { ...known.status, ...body?.status } };
    }
    if (method === 'PATCH')
      return { ...vm, metadata: { ...vm.metadata, ...metadata }, spec: { ...vm.spec, ...body?.spec } };
    if (method === 'GET' && path.endsWith('s')) return { metadata, items: [] };
    if (method === 'POST') return { ...body, metadata: { ...body?.metadata, ...metadata } };
    throw new KubeError('none', { kind: 'notFound', status: 404 });
  };
  const transport = {
    server: 'http://nowhere',
    request: async (request) => {
      asked.push(request);
      return Promise.resolve({ status: 200, headers: {}, body: answer(request) });
    },
    stream: () => Promise.reject(new KubeError('no logs here', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const client = new KubeClient(transport, { clock });
  const world = new World({ client, log, clock });
  for (const name of ['pc-1', 'pc-2']) world.informers.nodes.store.set(aMachine(name));
  world.informers.jobs.store.set(job);
  world.informers.vms.store.set(vm);
  world.informers.vmis.store.set(aVmi(vm, 'Running', 'pc-1'));
  const { lifecycle, consoles } = aLifecycle({ client, clock, world });
  end = () => consoles.close();
  const look = async () => (await lifecycle.reconcile('default/job', context))?.requeueAfterMs;
  const told = () =>
    asked.splice(0).map(({ method, path, body }) => {
      const [kind, name] = path
        .replace(/\/status$/, '')
        .split('/')
        .slice(-2);
      const { status, spec } = (body ?? {}) as { status?: { message?: string }; spec?: { runStrategy?: string } };
      return [method, kind, name, ...[status?.message, spec?.runStrategy].filter((each) => each !== undefined)];
    });
  return { look, told, clock, world };
}

describe('a virtual machine that the cluster protects', () => {
  it('is powered off, and the next attempt waits for it and says why, until it may go', async () => {
    let refusal: KubeError | undefined = forbidden;
    const { look, told, clock } = setUp(again, aVm(again, { number: 1 }), () => refusal);
    expect(await look()).toBe(5_000);
    expect(told()).toEqual([
      ['DELETE', 'virtualmachines', 'job-1'],
      ['PATCH', 'virtualmachines', 'job-1', 'Halted'],
      ['PATCH', 'computejobs', 'job', 'job-1 of the attempt before is still being taken down'],
    ]);
    await look();
    expect(told()).toEqual([
      ['PATCH', 'computejobs', 'job', `job-1 of the attempt before cannot be deleted: ${words}`],
    ]);
    // Nothing is tried in a hot loop, and nothing is said twice.
    await look();
    expect(told()).toEqual([]);
    await clock.advance(5_000);
    expect(await look()).toBe(10_000);
    expect(told()).toEqual([['DELETE', 'virtualmachines', 'job-1']]);
    refusal = undefined;
    await clock.advance(10_000);
    await look();
    expect(told()).toEqual([['DELETE', 'virtualmachines', 'job-1']]);
  });

  it('of a job that is over is powered off as well', async () => {
    const job = aJob('job').published().claimedBy('pc-1').created().started(10).finished('Stopped').job;
    const { look, told } = setUp(job, aVm(job), () => forbidden);
    await look();
    expect(told()).toEqual([
      ['DELETE', 'virtualmachines', 'job-1'],
      ['PATCH', 'virtualmachines', 'job-1', 'Halted'],
    ]);
  });

  it('of an earlier job of the same name does not keep the later one from beginning', async () => {
    const job = aJob('job').published().claimedBy('pc-2').job;
    const old = aVm({ ...again, metadata: { ...again.metadata, uid: 'uid-of-another' } }, { number: 1 });
    const { look, told, clock } = setUp(job, old, () => forbidden);
    await look();
    expect(told().filter(([method]) => method === 'DELETE')).toEqual([]);
    await clock.advance(collectorMs);
    await look();
    const asked = told().map(([method, ...path]) => `${method} ${path.slice(0, 2).join('/')}`);
    expect(asked).toContain('DELETE virtualmachines/job-1');
    expect(asked).toContain('POST default/virtualmachines');
  });
});

it('a deletion that the server fails to carry out is tried again, and holds up nothing else of the job', async () => {
  const { look, told } = setUp(again, aVm(again, { number: 1 }), () => broken);
  await expect(look()).rejects.toBe(broken);
  expect(told()).toEqual([
    ['DELETE', 'virtualmachines', 'job-1'],
    ['PATCH', 'computejobs', 'job', 'job-1 of the attempt before is still being taken down'],
  ]);
});
