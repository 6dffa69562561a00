// The runtime against the lab's API server, over TLS: what the scripted server of the other tests cannot vouch for.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { configMaps, events, leases } from '../api/resources.ts';
import type { ConfigMap, Event, Lease } from '../api/kubernetes.ts';
import { KubeClient } from './client.ts';
import { transportFrom } from './credentials.ts';
import { EventRecorder } from './events.ts';
import { Informer } from './informer.ts';
import { runWithLease } from './leader.ts';

import type { Transport } from './transport.ts';
import { until } from '../../../test/waiting.ts';

const log = pino({ level: 'silent' });
const namespace = 'default';
let server: TestServer;
let transport: Transport;
let client: KubeClient;
let stop: AbortController;
let running: Promise<unknown>[];

const connect = (): Transport => transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' });

beforeEach(async () => {
  server = await TestServer.start({ watchHistory: 50 });
  transport = connect();
  client = new KubeClient(transport, { fieldManager: 'tester' });
  stop = new AbortController();
  running = [];
}, 60_000);
afterEach(async () => {
  stop.abort();
  await Promise.allSettled(running);
  await transport.close();
  await server.stop();
});

const configMap = (name: string, data: Record<string, string> = {}) => ({ metadata: { name, namespace }, data });

describe('the client against an API server', () => {
  it('creates, reads, patches, applies and deletes, and meets every refusal as its kind', async () => {
    const ref = { name: 'a', namespace };
    const created = await client.create<ConfigMap>(configMaps, configMap('a', { x: '1' }));
    expect(created).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { x: '1' } });
    await expect(client.create(configMaps, configMap('a'))).rejects.toMatchObject({ kind: 'alreadyExists' });
    await expect(client.get(configMaps, { name: 'b', namespace })).rejects.toMatchObject({ kind: 'notFound' });
    const patched = await client.mergePatch<ConfigMap>(configMaps, ref, { data: { y: '2', x: null } });
    expect(patched.data).toEqual({ y: '2' });
    await expect(client.replace(configMaps, created)).rejects.toMatchObject({ kind: 'conflict', status: 409 });
    const op = { op: 'replace', path: '/data/y', value: '3' };
    expect((await client.jsonPatch<ConfigMap>(configMaps, ref, [op])).data).toEqual({ y: '3' });
    const applied = configMap('a', { z: '4' });
    await client.apply(configMaps, applied, { fieldManager: 'one' });
    await expect(client.apply(configMaps, configMap('a', { z: '5' }), { fieldManager: 'two' })).rejects.toMatchObject({
      kind: 'conflict',
    });
    const forced = await client.apply<ConfigMap>(configMaps, configMap('a', { z: '5' }), {
      fieldManager: 'two',
      force: true,
    });
    expect(forced.data).toEqual({ y: '3', z: '5' });
    await expect(client.create(configMaps, { metadata: { name: 'Not A Name', namespace } })).rejects.toMatchObject({
      kind: 'invalid',
    });
    await expect(client.delete(configMaps, ref, { preconditions: { uid: 'other' } })).rejects.toMatchObject({
      kind: 'conflict',
    });
    await client.delete(configMaps, ref);
    await expect(client.delete(configMaps, ref)).rejects.toMatchObject({ kind: 'notFound' });
  });

  it('is refused without a valid token', async () => {
    const stranger = transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'nobody' });
    await expect(new KubeClient(stranger).list(configMaps)).rejects.toMatchObject({ kind: 'unauthorized' });
    await stranger.close();
  });

  it('reads a long list page by page', async () => {
    const names = Array.from({ length: 620 }, (_, i) => `c-${i}`);
    await Promise.all(names.map((name) => client.create(configMaps, configMap(name))));
    const list = await client.listAll<ConfigMap>(configMaps, { namespace });
    const found = new Set(list.items.map((item) => item.metadata.name));
    expect(names.every((name) => found.has(name))).toBe(true);
    expect(list.metadata.resourceVersion).toMatch(/^\d+$/);
  });
});

describe('an informer against an API server', () => {
  it('follows changes, more of them than the server keeps; who asks for what is no longer kept is told so', async () => {
    await client.create(configMaps, configMap('before'));
    const informer = new Informer<ConfigMap>({ client, type: configMaps, namespace, log, maxBackoffMs: 200 });
    running.push(informer.run(stop.signal));
    await informer.synced();
    const names = () => informer.store.list().map((object) => object.metadata.name);
    expect(names()).toContain('before');
    await client.create(configMaps, configMap('during'));
    await until(() => names().includes('during'), 'the new one is there');
    await client.delete(configMaps, { name: 'before', namespace });
    await until(() => !names().includes('before'), 'the old one is gone');

    const watched = informer.store.get(`${namespace}/during`)?.metadata.resourceVersion ?? '';
    for (let i = 0; i < 80; i++)
      await client.mergePatch(configMaps, { name: 'during', namespace }, { data: { i: `${i}` } });
    await expect(
      client.watch(configMaps, {
        namespace,
        resourceVersion: watched,
        timeoutSeconds: 5,
        signal: stop.signal,
        onEvent: () => undefined,
      }),
    ).rejects.toMatchObject({ kind: 'gone' });
    await until(() => informer.store.get(`${namespace}/during`)?.data?.['i'] === '79', 'the last patch is there');
  });
});

describe('a lease and events against an API server', () => {
  it('hands leadership over on release, with times that the server accepts', async () => {
    const led: string[] = [];
    const run = (identity: string, signal: AbortSignal) =>
      runWithLease({
        client,
        namespace,
        name: 'operator',
        identity,
        log,
        signal,
        leaseDurationMs: 3_000,
        renewDeadlineMs: 2_000,
        retryPeriodMs: 300,
        onLead: async (term) => {
          led.push(identity);
          if (!term.aborted) await new Promise((resolve) => term.addEventListener('abort', resolve, { once: true }));
        },
      });
    const first = new AbortController();
    const a = run('a', first.signal);
    await until(() => led.length === 1, 'a leads');
    running.push(run('b', stop.signal));
    first.abort();
    expect(await a).toBe('stopped');
    await until(() => led.length === 2, 'b leads');
    const lease = await client.get<Lease>(leases, { namespace, name: 'operator' });
    expect(led).toEqual(['a', 'b']);
    expect(lease.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1, leaseDurationSeconds: 3 });
  });

  it('stores an event and its series', async () => {
    const recorder = new EventRecorder({
      client,
      controller: 'idlewild.dev/test',
      instance: 'test-0',
      log,
      newId: randomUUID,
    });
    const object = await client.create<ConfigMap>(configMaps, configMap('a'));
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'a', uid: object.metadata.uid };
    const text = { type: 'Normal', reason: 'Seen', action: 'Look', message: 'seen' } as const;
    recorder.event(regarding, text);
    await recorder.flush(20_000);
    recorder.event(regarding, text);
    recorder.event(regarding, text);
    await recorder.flush(20_000);
    const stored = (await client.list<Event>(events, { namespace })).items.filter((event) => event.reason === 'Seen');
    expect(recorder.dropped).toBe(0);
    expect(stored).toHaveLength(1);
    expect(stored[0]).toMatchObject({ note: 'seen', regarding: { name: 'a' }, series: { count: 3 } });
  });
});
