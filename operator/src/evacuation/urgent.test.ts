// Guests that let others go first are looked at as soon as there is nobody left to go first.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { Deps } from '../deps.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { poolOf } from '../model/pool.ts';
import { World } from '../world/world.ts';
import { DowntimeObserver } from './downtime.ts';
import { Evacuation } from './reconcile.ts';
import { Room } from './room.ts';
import { Traffic, type Moving } from './traffic.ts';
import { Wakes } from './wakes.ts';

const log = pino({ level: 'silent' });
const context = { log, reconcileId: 'x', signal: new AbortController().signal };
const limits = { perMachine: 1, perRoom: 9, inAll: 9 };
const settings = {
  ...{ targetReadyMs: 60_000, retryBaseMs: 2_000, retryMaxMs: 300_000, limits },
  ladder: { freezeForMs: 0, migrateWithinMs: 60_000, parkWithinMs: 30_000 },
};
const nobody = { server: 'http://nowhere', request: refuse, stream: refuse, close: () => Promise.resolve() };

function refuse(): Promise<never> {
  return Promise.reject(new KubeError('nobody is to ask', { kind: 'badRequest' }));
}

/** One guest has to leave `short`, from where another is on its way, at once; the other one `drained` when it can. */
function setUp() {
  const clock = new FakeClock(noon);
  const client = new KubeClient(nobody satisfies Transport, { clock });
  const world = new World({ client, log, clock });
  const { nodes, jobs, vms, vmis } = world.informers;
  const returned = { 'idlewild.dev/presence': 'present' };
  const short = aMachine('short', { labels: returned });
  const offer = JSON.stringify({ pressure: 'memory' });
  const pressed = { ...short, metadata: { ...short.metadata, annotations: { 'idlewild.dev/offer': offer } } };
  for (const node of [pressed, aMachine('drained', { cordoned: true }), aMachine('free')]) nodes.store.set(node);
  for (const [name, node] of [
    ['urgent', 'short'],
    ['other', 'drained'],
  ] as const) {
    const { job } = aJob(name, { resources: { cores: 1 } })
      .published()
      .claimedBy(node)
      .created()
      .started();
    const vm = aVm(job, { released: true });
    jobs.store.set(job);
    vms.store.set(vm);
    vmis.store.set(aVmi(vm, 'Running', node, node === 'drained' ? { evacuate: node } : {}));
  }
  const pool = poolOf({
    ...{ nodes: nodes.store.list(), jobs: jobs.store.list(), vms: vms.store.list(), vmis: vmis.store.list() },
    migrations: [],
  });
  // The world is told by nobody.
  Object.assign(world, { pool: () => pool });
  const traffic = new (class extends Traffic {
    override moving = (): Moving[] => [{ instance: 'default/third-1', from: 'short', sinceMs: noon }];
  })((key) => vmis.store.get(key), world.promises);
  const woken: string[] = [];
  const room = new Room({ world, clock, traffic, limits });
  const wakes = new Wakes({
    ...{ clock, onMachine: () => undefined, onChance: (job) => void woken.push(job) },
    isThere: (awaited) => room.has(awaited),
  });
  const writer = { status: (job: ComputeJob) => Promise.resolve(job) };
  const deps = { client, clock, log, registry: new Registry(), world, writer, ledger: { record: () => undefined } };
  const parts = { downtime: new DowntimeObserver(clock), traffic, wakes, room, isSilent: () => false };
  const evacuation = new Evacuation(deps as unknown as Deps, parts, settings);
  const look = (name: string) => evacuation.reconcile(`default/${name}`, context);
  return { clock, jobs, look, wakes, woken };
}

describe('a guest that lets one go first which has to leave sooner', () => {
  it('is looked at again when that one has no need to any more', async () => {
    const { clock, jobs, look, wakes, woken } = setUp();
    await look('urgent');
    await look('other');
    expect(wakes.waiting).toBe(2);
    await clock.advance(5_000);
    expect(woken).toEqual([]);
    jobs.store.remove('default/urgent');
    await look('urgent');
    await clock.advance(1_000);
    expect(woken).toEqual(['default/other']);
    wakes.close();
  });
});
