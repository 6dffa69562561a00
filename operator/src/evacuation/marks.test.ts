// What a guest does whose request to leave stands although nobody wants it any more, and cannot be taken back.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Deps } from '../deps.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { poolOf } from '../model/pool.ts';
import { World } from '../world/world.ts';
import { DowntimeObserver } from './downtime.ts';
import { Evacuation } from './reconcile.ts';
import { Room } from './room.ts';
import { Traffic } from './traffic.ts';
import { Wakes } from './wakes.ts';

const log = pino({ level: 'silent' });
const context = { log, reconcileId: 'x', signal: new AbortController().signal };
const limits = { perMachine: 2, perRoom: 9, inAll: 9 };
const settings = {
  ...{ targetReadyMs: 60_000, retryBaseMs: 2_000, retryMaxMs: 300_000, limits },
  ladder: { freezeForMs: 0, migrateWithinMs: 60_000, parkWithinMs: 30_000 },
};

/** A guest on `home`, which was drained and is open again. `answer`: of KubeVirt, to taking the mark back. */
function setUp({ present, answer }: { present: boolean; answer: KubeError | undefined }) {
  const clock = new FakeClock(noon);
  const asked: string[] = [];
  const home = aMachine('home', present ? { labels: { 'idlewild.dev/presence': 'present' } } : {});
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path, body }) => {
      asked.push(`${method} ${path.split('/').slice(-2).join('/')}`);
      if (method === 'PUT' && answer) return Promise.reject(answer);
      if (method === 'GET') return Promise.resolve({ status: 200, headers: {}, body: home });
      return Promise.resolve({ status: 200, headers: {}, body: body ?? {} });
    },
    stream: () => Promise.reject(new KubeError('no streams here', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const client = new KubeClient(transport, { clock });
  const world = new World({ client, log, clock });
  const { nodes, jobs, vms, vmis } = world.informers;
  for (const node of [home, aMachine('free')]) nodes.store.set(node);
  const { job } = aJob('j').published().claimedBy('home').created().started();
  const vm = aVm(job, { released: true });
  jobs.store.set(job);
  vms.store.set(vm);
  vmis.store.set(aVmi(vm, 'Running', 'home', { evacuate: 'home' }));
  const pool = poolOf({
    ...{ nodes: nodes.store.list(), jobs: jobs.store.list(), vms: vms.store.list(), vmis: vmis.store.list() },
    migrations: [],
  });
  // The world is told by nobody.
  Object.assign(world, { pool: () => pool });
  const traffic = new Traffic((key) => vmis.store.get(key), world.promises);
  const room = new Room({ world, clock, traffic, limits });
  const wakes = new Wakes({
    ...{ clock, onMachine: () => undefined, onChance: () => undefined },
    isThere: (awaited) => room.has(awaited),
  });
  const writer = { status: (same: ComputeJob) => Promise.resolve(same) };
  const deps = { client, clock, log, registry: new Registry(), world, writer, ledger: { record: () => undefined } };
  const parts = { downtime: new DowntimeObserver(clock), traffic, wakes, room, isSilent: () => false };
  const evacuation = new Evacuation(deps as unknown as Deps, parts, settings);
  return { clock, asked, look: () => evacuation.reconcile('default/j', context) };
}

const cancel = 'PUT evacuate/cancel';
const tooOld = new KubeError('404 page not found', { kind: 'notFound', status: 404 });

describe('a request to leave that nobody wants any more', () => {
  it('is taken back, which the instance will show', async () => {
    const { asked, look } = setUp({ present: false, answer: undefined });
    expect(await look()).toEqual({ requeueAfterMs: 2_000 });
    expect(asked).toEqual(['GET nodes/home', cancel]);
  });

  it('is asked to be taken back less and less often of a KubeVirt that cannot', async () => {
    const { clock, asked, look } = setUp({ present: false, answer: tooOld });
    for (let second = 0; second < 600; second++) {
      await look();
      await clock.advance(1_000);
    }
    const times = asked.filter((each) => each === cancel).length;
    expect([times > 5, times < 12]).toEqual([true, true]);
  });

  it('and cannot be taken back does not keep the guest on a machine whose owner is back', async () => {
    const { asked, look } = setUp({ present: true, answer: tooOld });
    expect(await look()).toEqual({ requeueAfterMs: 0 });
    await look();
    expect(asked).toEqual([
      'GET nodes/home',
      cancel,
      expect.stringMatching(/^POST .*virtualmachineinstancemigrations$/),
    ]);
  });
});
