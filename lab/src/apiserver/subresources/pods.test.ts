// The subresources of pods over HTTPS: binding, eviction, and the log that comes from a kubelet.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { startShop, type TestServer } from '../test-server.ts';

const pods = '/api/v1/namespaces/shop/pods';
const pod = (name: string, spec: Record<string, unknown> = {}, labels: Record<string, string> = {}) => ({
  metadata: { name, labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

describe('a new pod', () => {
  it('is given a service account, a priority and five minutes on a lost node', async () => {
    const { body } = await server.post(pods, pod('fresh'));
    expect(body['spec']).toMatchObject({ serviceAccountName: 'default', priority: 0 });
    expect((body['spec'] as { tolerations: unknown }).tolerations).toEqual([
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ]);
  });

  it('is refused when its service account or priority class is not there', async () => {
    const account = await server.post(pods, pod('x', { serviceAccountName: 'nope' }));
    expect(account.status).toBe(403);
    expect(account.body.message).toBe(
      'pods "x" is forbidden: error looking up service account shop/nope: serviceaccount "nope" not found',
    );
    const priority = await server.post(pods, pod('x', { priorityClassName: 'nope' }));
    expect(priority.body.message).toBe('pods "x" is forbidden: no PriorityClass with name nope was found');
  });
});

describe('a binding', () => {
  it('sets the node and the condition, once', async () => {
    await server.post(pods, pod('bindme'));
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bindme' },
      target: { kind: 'Node', name: 'pc-1' },
    };
    const bound = await server.post(`${pods}/bindme/binding`, body);
    expect(bound.status).toBe(201);
    expect(bound.body).toMatchObject({ kind: 'Status', status: 'Success', code: 201 });
    const read = await server.get(`${pods}/bindme`);
    expect(read.body).toMatchObject({
      spec: { nodeName: 'pc-1' },
      status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
    });
    const again = await server.post(`${pods}/bindme/binding`, body);
    expect(again.status).toBe(409);
    expect(again.body.message).toContain('pod bindme is already assigned to node "pc-1"');
  });
});

describe('an eviction', () => {
  const evict = (name: string, options: unknown = undefined) =>
    server.post(`${pods}/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: 'shop' },
      ...(options === undefined ? {} : { deleteOptions: options }),
    });
  const running = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };

  it('deletes the pod with its grace and says on the pod that it was an eviction', async () => {
    await server.post(pods, pod('evicted', { nodeName: 'n' }));
    await server.patch(`${pods}/evicted/status`, 'merge', running);
    const { status, body } = await evict('evicted');
    expect(status).toBe(201);
    expect(body).toEqual({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
    const read = await server.get(`${pods}/evicted`);
    expect(read.metadata.deletionGracePeriodSeconds).toBe(30);
    expect((read.body['status'] as { conditions: unknown[] }).conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }),
    );
    expect((await evict('evicted')).status).toBe(201);
  });

  it('changes nothing when it is a dry run', async () => {
    await server.post(pods, pod('rehearsed', { nodeName: 'n' }));
    expect((await evict('rehearsed', { dryRun: ['All'] })).status).toBe(201);
    expect((await server.get(`${pods}/rehearsed`)).metadata.deletionTimestamp).toBeUndefined();
  });

  it('is held back by a disruption budget', async () => {
    await server.post(pods, pod('guarded', { nodeName: 'n' }, { app: 'x' }));
    await server.patch(`${pods}/guarded/status`, 'merge', running);
    await server.post('/apis/policy/v1/namespaces/shop/poddisruptionbudgets', {
      metadata: { name: 'pdb' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
    });
    const { status, body } = await evict('guarded');
    expect(status).toBe(429);
    expect(body).toMatchObject({
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      reason: 'TooManyRequests',
      details: {
        causes: [
          { reason: 'DisruptionBudget', message: 'The disruption budget pdb needs 1 healthy pods and has 1 currently' },
        ],
      },
    });
  });

  it('of a pod that is not there is 404', async () => {
    expect((await evict('nobody')).status).toBe(404);
  });
});

describe('a log', () => {
  let kubelet: Server;
  const asked: string[] = [];
  beforeAll(async () => {
    const { certPem, keyPem } = await server.pki.issue('system:node:pc-1', { hosts: ['127.0.0.1'] });
    const options = { cert: certPem, key: keyPem, ca: server.pki.caPem, requestCert: true, rejectUnauthorized: true };
    kubelet = createServer(options, (request, response) => {
      asked.push(request.url ?? '');
      if (request.url?.includes('previous='))
        response.writeHead(400).end('{"kind":"Status","message":"no earlier log"}');
      else if (request.url?.includes('/broken?')) response.writeHead(404).end('container not found');
      else response.end('line 1\nline 2\n');
    });
    await new Promise<void>((resolve) => kubelet.listen(0, '127.0.0.1', () => resolve()));
    await server.post('/api/v1/nodes', {
      metadata: { name: 'pc-1' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: (kubelet.address() as AddressInfo).port } },
      },
    });
    const containers = [
      { name: 'c', image: 'i' },
      { name: 'broken', image: 'i' },
    ];
    await server.post(pods, pod('logging', { nodeName: 'pc-1', containers }));
  });
  afterAll(() => new Promise((resolve) => kubelet.close(resolve)));

  it("is the text that the kubelet gives to the server's certificate", async () => {
    const { status, text, headers } = await server.get(`${pods}/logging/log?container=c&tailLines=2`);
    expect([status, text, headers['content-type']]).toEqual([200, 'line 1\nline 2\n', 'text/plain']);
    expect(asked).toContain('/containerLogs/shop/logging/c?tailLines=2');
  });

  it('of an unscheduled pod is empty', async () => {
    await server.post(pods, pod('waiting'));
    expect((await server.get(`${pods}/waiting/log`)).status).toBe(204);
  });

  it('must name the container where there are several', async () => {
    const { status, body } = await server.get(`${pods}/logging/log`);
    expect(status).toBe(400);
    expect(body.message).toBe('a container name must be specified for pod logging, choose one of: [c broken]');
    const unknown = await server.get(`${pods}/logging/log?container=nope`);
    expect(unknown.body.message).toBe('container nope is not valid for pod logging');
  });

  it("passes the kubelet's refusal on", async () => {
    const { status, body } = await server.get(`${pods}/logging/log?container=broken`);
    expect([status, body.message]).toEqual([404, 'container not found']);
    const earlier = await server.get(`${pods}/logging/log?container=c&previous=true`);
    expect([earlier.status, earlier.body.message]).toEqual([400, 'no earlier log']);
  });
});
