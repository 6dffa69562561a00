// What the operator knows of the cluster, found by machine, by job and by what is due.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine, anOtherPod } from '../../../test/builders/node.ts';
import type { Lease } from '../api/kubernetes.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import type { KubeObject } from '../kube/object.ts';

import type { Transport, TransportRequest } from '../kube/transport.ts';
import { World } from './world.ts';
import { until } from '../../../test/waiting.ts';

type Watch = Parameters<NonNullable<Transport['watch']>>[0];

/** A server within the process that lists what it was given and tells every watch of the same path what changes. */
class Tables implements Transport {
  readonly server = 'tables';
  readonly #objects = new Map<string, KubeObject[]>();
  readonly #watches: Watch[] = [];

  constructor(objects: Readonly<Record<string, readonly KubeObject[]>>) {
    for (const [plural, list] of Object.entries(objects)) this.#objects.set(plural, [...list]);
  }

  get watched(): number {
    return this.#watches.length;
  }

  request({ path, query }: TransportRequest) {
    const items = (this.#objects.get(pluralOf(path)) ?? []).filter((object) => isSelected(object, query));
    const body = { kind: 'List', items: structuredClone(items), metadata: { resourceVersion: '100' } };
    return Promise.resolve({ status: 200, headers: {}, body });
  }

  watch(watch: Watch): Promise<void> {
    this.#watches.push(watch);
    return new Promise((resolve) => watch.signal.addEventListener('abort', () => resolve()));
  }

  send(plural: string, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    for (const { path, query, onEvent } of this.#watches) {
      if (pluralOf(path) === plural && isSelected(object, query)) onEvent({ type, object: structuredClone(object) });
    }
  }

  stream(): Promise<never> {
    return Promise.reject(new Error('watches of this server need no stream'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function pluralOf(path: string): string {
  return path.split('/').at(-1) ?? '';
}

function isSelected({ metadata }: KubeObject, query: TransportRequest['query']): boolean {
  const own = metadata.labels?.['app.kubernetes.io/managed-by'] === 'idlewild';
  const selector = query?.['labelSelector'];
  return selector === undefined || (selector === 'app.kubernetes.io/managed-by=idlewild') === own;
}

const claimed = aJob('a').published().claimedBy('pc-1');
const vm = aVm(claimed.job);
const vmi = aVmi(vm, 'Running', 'pc-1', { evacuate: 'pc-1' });
const launcher = aPod(vm, 'pc-1');
const migration = aMigration(vm, 'pc-2', 'Running');
const present = { labels: { 'idlewild.dev/presence': 'present' }, allocatable: { cpu: '2' } };
const everything = {
  nodes: [aMachine('pc-1', present), aMachine('pc-2', { allocatable: { cpu: '2' } })],
  computejobs: [claimed.job, aJob('b').published().job],
  virtualmachines: [vm],
  virtualmachineinstances: [{ ...vmi, metadata: { ...vmi.metadata, resourceVersion: '1' } }],
  virtualmachineinstancemigrations: [{ ...migration, metadata: { ...migration.metadata, resourceVersion: '1' } }],
  pods: [launcher, anOtherPod('x', 'pc-2', { cpu: '500m' }), anOtherPod('done', 'pc-2', { cpu: '2' }, 'Succeeded')],
};

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());

async function worldOf(objects: Readonly<Record<string, readonly KubeObject[]>>) {
  const tables = new Tables(objects);
  const clock = new FakeClock();
  const world = new World({ client: new KubeClient(tables), log: pino({ level: 'silent' }), clock });
  void world.run(stop.signal);
  await world.untilSynced();
  await until(() => tables.watched === Object.keys(world.informers).length, 'every informer watches');
  return { world, tables, clock };
}
const names = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name).sort();

describe('the world', () => {
  it('finds by machine what is on it, and what moves from it or to it', async () => {
    const { world } = await worldOf(everything);
    const on = (machine: string) => ({
      jobs: names(world.jobsOn(machine)),
      vmis: names(world.vmisOn(machine)),
      pods: names(world.podsOn(machine)),
      migrations: names(world.migrationsTouching(machine)),
    });
    expect(on('pc-1')).toEqual({
      jobs: ['a'],
      vmis: ['a-1'],
      pods: [launcher.metadata.name],
      migrations: ['a-1-m1'],
    });
    expect(on('pc-2')).toEqual({ jobs: [], vmis: [], pods: [], migrations: ['a-1-m1'] });
    expect(on('pc-3')).toEqual({ jobs: [], vmis: [], pods: [], migrations: [] });
  });

  it('finds instances that are to leave, and those beside an owner', async () => {
    const { world, tables } = await worldOf(everything);
    expect([names(world.evacuating()), names(world.besideOwners())]).toEqual([['a-1'], ['a-1']]);
    tables.send('nodes', 'MODIFIED', {
      ...aMachine('pc-1'),
      metadata: { ...aMachine('pc-1').metadata, resourceVersion: '2' },
    });
    const over = aVmi(vm, 'Succeeded', 'pc-1', { evacuate: 'pc-1' });
    tables.send('virtualmachineinstances', 'MODIFIED', {
      ...over,
      metadata: { ...over.metadata, resourceVersion: '2' },
    });
    expect([names(world.evacuating()), names(world.besideOwners())]).toEqual([[], []]);
  });

  it('has a pool in which other pods count while they are unfinished, and ours once', async () => {
    const { world, tables } = await worldOf(everything);
    const offered = () => ['pc-1', 'pc-2'].map((name) => world.pool().machine(name)?.offer.cores);
    expect(offered()).toEqual([2, 1]);
    expect([...world.pool().taken.keys()].sort()).toEqual(['pc-1', 'pc-2']);
    const before = world.pool();
    expect(world.pool()).toBe(before);
    const over = anOtherPod('x', 'pc-2', { cpu: '500m' }, 'Failed');
    tables.send('pods', 'MODIFIED', { ...over, metadata: { ...over.metadata, resourceVersion: '2' } });
    expect(offered()).toEqual([2, 2]);
  });

  it('has its own writes in the pool at once, and gives up on those that no watch ever tells of', async () => {
    const { world, clock } = await worldOf({ ...everything, virtualmachineinstancemigrations: [] });
    const taken = () => [...world.pool().taken.keys()].sort();
    expect(taken()).toEqual(['pc-1']);
    world.wroteMigration(migration);
    expect(taken()).toEqual(['pc-1', 'pc-2']);
    expect(names(world.migrationsTouching('pc-2'))).toEqual(['a-1-m1']);
    await clock.advance(30_000);
    expect(taken()).toEqual(['pc-1']);
  });

  it('knows of machines whose agents hold a lease whether they are fenced, and looks again when that may have changed', async () => {
    const fence = JSON.stringify({ switchAfterSeconds: 7.5, killSeconds: 0.5, checkSeconds: 0.6 });
    const lease = (version: string, renewTime: string, own: Record<string, string> = {}): Lease => ({
      metadata: { name: 'pc-1', namespace: 'idlewild-machines', resourceVersion: version, annotations: own },
      spec: { leaseDurationSeconds: 10, renewTime },
    });
    const armed = { labels: { 'idlewild.dev/fence': 'armed' } };
    const nodes = [aMachine('pc-1', armed), aMachine('pc-2'), aMachine('pc-3', armed)];
    const { world, tables } = await worldOf({ nodes, leases: [lease('1', 'a')] });
    const trouble = (): (string | undefined)[] => world.pool().machines.map(({ unfenced }) => unfenced);
    expect(trouble()).toEqual([expect.stringContaining('does not say how soon'), undefined, undefined]);
    tables.send('leases', 'MODIFIED', lease('2', 'b', { 'idlewild.dev/fence': fence }));
    expect(trouble()).toEqual([undefined, undefined, undefined]);
    const before = world.pool();
    tables.send('leases', 'MODIFIED', lease('3', 'c', { 'idlewild.dev/fence': fence }));
    expect(world.pool()).toBe(before);
  });

  it('lifts a hold when its time has come, though nothing else happens', async () => {
    const start = new FakeClock().now();
    const nodes = [aMachine('pc-1', { hold: { until: start + 60_000, message: 'lost twice' } })];
    const { world, clock } = await worldOf({ nodes });
    expect(world.pool().machine('pc-1')?.hold).toEqual({ untilMs: start + 60_000, message: 'lost twice' });
    expect(world.pool().changesAtMs).toBe(start + 60_000);
    await clock.advance(60_000);
    expect(world.pool().machine('pc-1')?.hold).toBeUndefined();
    expect(world.pool().changesAtMs).toBeUndefined();
  });
});
