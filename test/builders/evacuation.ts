// The evacuation over a world that holds what a test has put into its caches, and that nobody tells anything else.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Deps } from '@idlewild/operator/deps.ts';
import { DowntimeObserver } from '@idlewild/operator/evacuation/downtime.ts';
import { Evacuation } from '@idlewild/operator/evacuation/reconcile.ts';
import { Room } from '@idlewild/operator/evacuation/room.ts';
import { Traffic } from '@idlewild/operator/evacuation/traffic.ts';
import { Wakes } from '@idlewild/operator/evacuation/wakes.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { FakeClock } from '@idlewild/operator/kube/clock.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { poolOf } from '@idlewild/operator/model/pool.ts';
import { World } from '@idlewild/operator/world/world.ts';
import { noon } from './job.ts';

const log = pino({ level: 'silent' });
const context = { log, reconcileId: 'x', signal: new AbortController().signal };

/**
 * @param o.fill puts what there is into the caches.
 * @param o.TrafficOf the traffic that the evacuation sees.
 * @param o.onChance is told of the jobs that are to be looked at again.
 */
export function anEvacuation(o: {
  readonly transport: Transport;
  readonly perMachine: number;
  readonly fill: (caches: World['informers']) => void;
  readonly TrafficOf?: typeof Traffic;
  readonly onChance?: (job: string) => unknown;
}) {
  const limits = { perMachine: o.perMachine, perRoom: 9, inAll: 9 };
  const settings = {
    ...{ targetReadyMs: 60_000, retryBaseMs: 2_000, retryMaxMs: 300_000, limits },
    ladder: { freezeForMs: 0, migrateWithinMs: 60_000, parkWithinMs: 30_000 },
  };
  const clock = new FakeClock(noon);
  const client = new KubeClient(o.transport, { clock });
  const world = new World({ client, log, clock });
  o.fill(world.informers);
  const { nodes, jobs, vms, vmis } = world.informers;
  const pool = poolOf({
    ...{ nodes: nodes.store.list(), jobs: jobs.store.list(), vms: vms.store.list(), vmis: vmis.store.list() },
    migrations: [],
  });
  // The world is told by nobody.
  Object.assign(world, { pool: () => pool });
  const traffic = new (o.TrafficOf ?? Traffic)((key) => vmis.store.get(key), world.promises);
  const room = new Room({ world, clock, traffic, limits });
  const wakes = new Wakes({
    ...{ clock, onMachine: () => undefined, onChance: (job) => void o.onChance?.(job) },
    isThere: (awaited) => room.has(awaited),
  });
  const writer = { status: (job: ComputeJob) => Promise.resolve(job) };
  const deps = { client, clock, log, registry: new Registry(), world, writer, ledger: { record: () => undefined } };
  const parts = { downtime: new DowntimeObserver(clock), traffic, wakes, room, isSilent: () => false };
  const evacuation = new Evacuation(deps as unknown as Deps, parts, settings);
  return { clock, wakes, caches: world.informers, look: (key: string) => evacuation.reconcile(key, context) };
}
