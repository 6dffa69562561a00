// What the client puts on the wire, and which failures it tries again.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { leases, nodes, pods, virtualMachineInstanceSubresources } from '../api/resources.ts';
import { applyStatus } from './apply.ts';
import { KubeClient, type RequestInfo } from './client.ts';
import type { KubeObject } from './object.ts';
import { json, reset, ScriptedApi, silence, status } from './scripted-api.ts';
import { createTransport, type Transport } from './transport.ts';

let api: ScriptedApi;
let transport: Transport;
let client: KubeClient;
let tried: RequestInfo[];

beforeEach(async () => {
  api = await ScriptedApi.start();
  tried = [];
  transport = createTransport({ server: api.url, userAgent: 'test-agent' });
  client = new KubeClient(transport, {
    fieldManager: 'tester',
    onRequest: (info) => tried.push(info),
    random: () => 0,
  });
});
afterEach(async () => {
  await transport.close();
  await api.close();
});

const wire = () => api.requests.map((r) => `${r.method} ${r.path}${r.query.size > 0 ? `?${r.query.toString()}` : ''}`);

describe('the client', () => {
  it('puts to a verb of an object with a plain body, and takes an empty answer', async () => {
    api.onWrite((_request, response) => response.writeHead(200).end());
    const body = { evacuationNodeName: 'pc-1' };
    const ref = { namespace: 'lab', name: 'a' };
    await client.act(virtualMachineInstanceSubresources, ref, { subresource: 'evacuate/cancel', body });
    const verb = '/apis/subresources.kubevirt.io/v1/namespaces/lab/virtualmachineinstances/a/evacuate/cancel';
    expect(wire()).toEqual([`PUT ${verb}`]);
    expect(JSON.parse(api.requests[0]?.body ?? '')).toEqual(body);
  });

  it('addresses objects, subresources and collections as the API server does', async () => {
    const ref = { namespace: 'lab', name: 'a' };
    await client.get(pods, ref);
    await client.get(nodes, { name: 'pc-1' }, { subresource: 'status' });
    await client.list(pods, { namespace: 'lab', labelSelector: 'a=b', fieldSelector: 'spec.nodeName=pc-1', limit: 5 });
    await client.list(leases);
    api.onWrite(json(201, {}), json(201, {}), json(200, {}), json(200, {}), json(200, {}), json(200, {}));
    await client.create(pods, { metadata: { namespace: 'lab', name: 'a' }, spec: {} }, { dryRun: true });
    await client.create(pods, { metadata: { namespace: 'lab', name: 'a' } }, { subresource: 'eviction' });
    await client.replace(pods, { metadata: { namespace: 'lab', name: 'a' } }, { subresource: 'status' });
    await client.mergePatch(pods, ref, { metadata: {} }, { fieldManager: 'other' });
    await client.jsonPatch(pods, ref, []);
    await client.delete(pods, ref, { gracePeriodSeconds: 0, preconditions: { uid: 'u' } });
    expect(wire()).toEqual([
      'GET /api/v1/namespaces/lab/pods/a',
      'GET /api/v1/nodes/pc-1/status',
      'GET /api/v1/namespaces/lab/pods?labelSelector=a%3Db&fieldSelector=spec.nodeName%3Dpc-1&limit=5',
      'GET /apis/coordination.k8s.io/v1/leases',
      'POST /api/v1/namespaces/lab/pods?fieldManager=tester&dryRun=All',
      'POST /api/v1/namespaces/lab/pods/a/eviction?fieldManager=tester',
      'PUT /api/v1/namespaces/lab/pods/a/status?fieldManager=tester',
      'PATCH /api/v1/namespaces/lab/pods/a?fieldManager=other',
      'PATCH /api/v1/namespaces/lab/pods/a?fieldManager=tester',
      'DELETE /api/v1/namespaces/lab/pods/a',
    ]);
    const [, , , , created, evicted, , merge, patch, deleted] = api.requests;
    expect(JSON.parse(created?.body ?? '')).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
    expect(JSON.parse(evicted?.body ?? '')).not.toHaveProperty('kind');
    expect(merge?.headers['content-type']).toBe('application/merge-patch+json');
    expect(patch?.headers['content-type']).toBe('application/json-patch+json');
    expect(JSON.parse(deleted?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u' },
    });
  });

  it('applies with the right content type and the identity that the server insists on, without managedFields', async () => {
    api.onWrite(json(200, {}), json(200, {}));
    const object: KubeObject = { metadata: { name: 'a', namespace: 'lab', uid: 'u1', managedFields: [{}] } };
    await client.apply(pods, object, { fieldManager: 'idlewild', force: true });
    await applyStatus(client, pods, object, { phase: 'Running' }, { fieldManager: 'idlewild' });
    const [applied, statusApplied] = api.requests;
    expect(wire()[0]).toBe('PATCH /api/v1/namespaces/lab/pods/a?fieldManager=idlewild&force=true');
    expect(applied?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(applied?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace: 'lab', uid: 'u1' },
    });
    expect(statusApplied?.path).toBe('/api/v1/namespaces/lab/pods/a/status');
    expect(JSON.parse(statusApplied?.body ?? '')).toMatchObject({
      metadata: { uid: 'u1' },
      status: { phase: 'Running' },
    });
  });

  it('refuses a reference that would address something else', async () => {
    await expect(client.get(pods, { name: 'a' })).rejects.toThrow('namespace: pods are namespaced');
    await expect(client.get(nodes, { name: '' })).rejects.toThrow('name: a Node is addressed by its name');
    await expect(client.create(pods, { metadata: { name: 'a' } })).rejects.toThrow('namespace: a Pod is created in');
    expect(api.requests).toHaveLength(0);
  });

  it('lists everything in pages, and in one piece when the pages expire on the way', async () => {
    const page = (names: string[], next?: string) =>
      json(200, {
        items: names.map((name) => ({ metadata: { name } })),
        metadata: { resourceVersion: '7', ...(next === undefined ? {} : { continue: next }) },
      });
    api.onList(page(['a'], 'more'), page(['b']));
    const all = await client.listAll<KubeObject>(pods);
    expect(all.items.map((item) => item.metadata.name)).toEqual(['a', 'b']);
    expect(all.metadata).toEqual({ resourceVersion: '7' });
    expect(wire()).toEqual(['GET /api/v1/pods?limit=500', 'GET /api/v1/pods?limit=500&continue=more']);
    api.onList(page(['a'], 'more'), status(410, 'Expired'), page(['c']));
    expect((await client.listAll<KubeObject>(pods)).items.map((item) => item.metadata.name)).toEqual(['c']);
    expect(wire().at(-1)).toBe('GET /api/v1/pods');
  });

  it('tries a throttled write again after the time the server named, and reports every try', async () => {
    api.onWrite(status(429, 'TooManyRequests', { 'retry-after': '0' }), json(201, { metadata: { name: 'a' } }));
    await client.create(nodes, { metadata: { name: 'a' } });
    expect(tried.map((info) => info.outcome)).toEqual([429, 201]);
  });

  it('tries a read again on a new connection, but never a write', async () => {
    api.onList(reset);
    await client.list(pods);
    expect(tried.map((info) => info.outcome)).toEqual(['network', 200]);
    api.onWrite(reset, json(201, {}));
    await expect(client.create(nodes, { metadata: { name: 'a' } })).rejects.toMatchObject({ kind: 'network' });
    expect(api.requests.filter((r) => r.method === 'POST')).toHaveLength(1);
  });

  it('hands a failure on with what was attempted', async () => {
    api.onList(status(404, 'NotFound'));
    await expect(client.get(pods, { namespace: 'lab', name: 'a' })).rejects.toMatchObject({
      kind: 'notFound',
      message: 'GET /api/v1/namespaces/lab/pods/a: NotFound was said',
    });
  });

  it('waits for a log to begin as long as it is told', async () => {
    api.onList(silence);
    const { signal } = new AbortController();
    const quiet = client.logs({ namespace: 'lab', name: 'a' }, { container: 'c', beginsWithinMs: 100, signal });
    await expect(quiet.next()).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('streams a log', async () => {
    api.onList((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('one\n');
      response.end('two\n');
    });
    const { signal } = new AbortController();
    const chunks: Uint8Array[] = [];
    const log = client.logs({ namespace: 'lab', name: 'a' }, { container: 'c', follow: true, tailLines: 3, signal });
    for await (const chunk of log) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('one\ntwo\n');
    expect(wire()).toEqual(['GET /api/v1/namespaces/lab/pods/a/log?container=c&follow=true&tailLines=3']);
  });
});
