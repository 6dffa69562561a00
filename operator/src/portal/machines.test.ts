// Machines and the overview over the portal's API, asked by users with real rights.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import type { Drained, MachineRow, Overview } from './schemas.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
  await rig.putMachine(aMachine('pc-1', { labels: { 'idlewild.dev/fence': 'armed' } }));
  await rig.putMachine(aMachine('pc-2'));
  const render = aJob('render').published(-30).claimedBy('pc-1', { at: -20 }).created(-19).started(-10);
  await rig.put(render.job, 'team-a');
  const train = aJob('train').published(-600).claimedBy('pc-1', { at: -500 }).started(-450);
  await rig.put(train.ended('MachineLost', { at: -300 }).job, 'team-b');
}, 60_000);
afterAll(() => rig.stop());

async function ask<T>(as: RigUser, path: string, method = 'GET', body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(rig.portal.url + path, {
    method,
    headers: {
      authorization: `Bearer ${rig.tokens[as]}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}

const row = async (name: string): Promise<MachineRow> => {
  const { body } = await ask<{ items: MachineRow[] }>('root', '/api/v1/machines');
  return body.items.find((each) => each.name === name)!;
};

/** More gently than twenty times a second, which is what the portal allows. */
async function eventually(name: string, good: (row: MachineRow) => boolean): Promise<MachineRow> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = await row(name);
    if (good(found)) return found;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

describe('a machine', () => {
  it('says whether its fence is armed, and when its agent was last heard of', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/idlewild-machines/leases';
    const renewTime = '2026-01-01T12:00:00.000000Z';
    const made = await rig.api.post(path, { metadata: { name: 'pc-1' }, spec: { renewTime } });
    expect(made.status).toBe(201);
    const found = await eventually('pc-1', ({ seen }) => seen !== undefined);
    expect(found).toMatchObject({ seen: renewTime, fence: 'armed', revoked: false });
    expect(await row('pc-2')).toMatchObject({ fence: 'unknown' });
  }, 40_000);

  it('is held by an admin for a while and let go, and nobody else may', async () => {
    const path = '/api/v1/machines/pc-2';
    const hold = { minutes: 30, message: 'a new disk' };
    expect((await ask('ann', path, 'PATCH', { hold })).status).toBe(403);
    expect((await ask('root', path, 'PATCH', { hold: { minutes: 0 } })).status).toBe(400);
    expect((await ask('root', '/api/v1/machines/pc-9', 'PATCH', { hold })).status).toBe(404);
    expect((await ask('root', path, 'PATCH', { hold })).status).toBe(204);
    const held = await eventually('pc-2', (each) => each.hold !== undefined);
    expect(held.hold?.message).toBe('held by system:serviceaccount:idlewild-system:root: a new disk');
    expect((await ask('root', path, 'PATCH', { hold: null })).status).toBe(204);
    await eventually('pc-2', (each) => each.hold === undefined);
  }, 30_000);

  it('is drained by those who may evict its guests, and by nobody else', async () => {
    const guest = {
      metadata: { name: 'virt-launcher-render-1', labels: { 'kubevirt.io': 'virt-launcher' } },
      spec: { nodeName: 'pc-1', containers: [{ name: 'compute', image: 'lab/launcher' }] },
    };
    const other = { ...guest, metadata: { name: 'stays' } };
    await rig.api.post('/api/v1/namespaces/team-a/serviceaccounts', { metadata: { name: 'default' } });
    for (const pod of [guest, other]) {
      const made = await rig.api.post('/api/v1/namespaces/team-a/pods', pod);
      expect({ status: made.status, said: made.body.message }).toEqual({ status: 201 });
    }
    expect((await ask('ann', '/api/v1/machines/pc-1/drain', 'POST')).status).toBe(403);
    expect(await row('pc-1')).toMatchObject({ cordoned: false });
    const { status, body } = await ask<Drained>('root', '/api/v1/machines/pc-1/drain', 'POST');
    expect({ status, body }).toEqual({ status: 200, body: { evicted: 1, refused: [] } });
    await eventually('pc-1', ({ cordoned }) => cordoned);
    const { body: left } = await rig.api.get('/api/v1/namespaces/team-a/pods');
    const living = (left as unknown as { items: { metadata: { name: string; deletionTimestamp?: string } }[] }).items;
    const names = living.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(names.map(({ metadata }) => metadata.name)).toEqual(['stays']);
  }, 30_000);

  it('tells its events to those who may', async () => {
    expect((await ask('root', '/api/v1/machines/pc-1/events')).status).toBe(200);
    expect((await ask('ann', '/api/v1/machines/pc-1/events')).status).toBe(403);
  });
});

describe('the overview', () => {
  it('counts what one may list and nothing else', async () => {
    const all = (await ask<Overview>('root', '/api/v1/overview')).body;
    expect(all.shares.map(({ name, running, waiting }) => ({ name, running, waiting }))).toEqual([
      { name: 'team-a', running: 1, waiting: 0 },
      { name: 'team-b', running: 0, waiting: 1 },
    ]);
    expect(all.waits.jobs).toBe(2);
    expect(all.cores?.points.length).toBeGreaterThan(0);
    const mine = (await ask<Overview>('ann', '/api/v1/overview')).body;
    expect(mine.shares.map(({ name }) => name)).toEqual(['team-a']);
    expect(mine.waits).toEqual({ jobs: 1, p50: 10, p90: 10, p95: 10, waiting: 0 });
    expect(mine.cores).toBeUndefined();
    expect(JSON.stringify((await ask('nemo', '/api/v1/overview')).body)).not.toContain('team-');
  });
});
