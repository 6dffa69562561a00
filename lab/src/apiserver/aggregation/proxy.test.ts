// An aggregated API over HTTPS: requests and WebSockets passed through with the user's name, availability told, and 503
// when nobody answers.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually, startShop, type TestServer } from '../test-server.ts';

const root = '/apis/remote.dev/v1';
let server: TestServer;
let remote: Server;
let sockets: WebSocketServer;

beforeAll(async () => {
  server = await startShop();
  const { certPem, keyPem } = await server.pki.issue('remote', { hosts: ['remote.shop.svc'] });
  remote = createServer(
    { cert: certPem, key: keyPem, ca: server.pki.caPem, requestCert: true },
    (request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === root) {
        response.end(
          JSON.stringify({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'remote.dev/v1', resources: [] }),
        );
        return;
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(request.url?.endsWith('/teapot') ? 418 : 200);
        response.end(
          JSON.stringify({
            method: request.method,
            url: request.url,
            user: request.headers['x-remote-user'],
            groups: request.headers['x-remote-group'],
            authorization: request.headers.authorization ?? null,
            certificate: (request.socket as TLSSocket).getPeerCertificate().subject.CN,
            received: Buffer.concat(chunks).toString(),
          }),
        );
      });
    },
  );
  sockets = new WebSocketServer({ server: remote, handleProtocols: () => 'plain.test' });
  sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data as Buffer, { binary })));
  await new Promise<void>((resolve) => remote.listen(0, '127.0.0.1', () => resolve()));
  await server.post('/api/v1/namespaces/shop/services', {
    metadata: { name: 'remote' },
    spec: {
      type: 'ExternalName',
      externalName: '127.0.0.1',
      ports: [{ port: 443, targetPort: (remote.address() as AddressInfo).port }],
    },
  });
  const service = (name: string) => ({ namespace: 'shop', name });
  for (const [group, name] of [
    ['remote.dev', 'remote'],
    ['lost.dev', 'nowhere'],
  ] as const) {
    const { status, text } = await server.post('/apis/apiregistration.k8s.io/v1/apiservices', {
      metadata: { name: `v1.${group}` },
      spec: {
        group,
        version: 'v1',
        groupPriorityMinimum: 1000,
        versionPriority: 10,
        service: service(name),
        caBundle: Buffer.from(server.pki.caPem).toString('base64'),
      },
    });
    if (status !== 201) throw new Error(text);
  }
});
afterAll(async () => {
  await server.stop();
  await new Promise((resolve) => {
    remote.close(resolve);
    remote.closeAllConnections();
  });
});

describe('an aggregated API', () => {
  it("is asked with the user in the headers and the front proxy's certificate, without the token", async () => {
    const { status, body } = await server.ask('PUT', `${root}/namespaces/shop/things/a/act?x=1`, {
      body: { go: true },
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      method: 'PUT',
      url: `${root}/namespaces/shop/things/a/act?x=1`,
      user: 'lab-admin',
      groups: 'system:masters, system:authenticated',
      authorization: null,
      certificate: 'front-proxy-client',
      received: '{"go":true}',
    });
  });

  it('answers with its own status', async () => {
    expect((await server.get(`${root}/teapot`)).status).toBe(418);
  });

  it('is closed to a user without rights', async () => {
    const { status } = await server.ask('GET', `${root}/namespaces/shop/things/a`, { as: 'alice' });
    expect(status).toBe(403);
  });

  it('carries WebSockets both ways', async () => {
    const url = `${server.url.replace('https', 'wss')}${root}/namespaces/shop/things/a/console`;
    const socket = new WebSocket(url, ['plain.test'], {
      ca: server.pki.caPem,
      headers: { authorization: 'Bearer admin' },
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    expect(socket.protocol).toBe('plain.test');
    const echoed = new Promise<string>((resolve) =>
      socket.once('message', (data) => resolve((data as Buffer).toString())),
    );
    socket.send(Buffer.from('ping'));
    expect(await echoed).toBe('ping');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.close();
    await closed;
  });

  it('refuses a WebSocket to one without rights with a status', async () => {
    const url = `${server.url.replace('https', 'wss')}${root}/namespaces/shop/things/a/console`;
    const socket = new WebSocket(url, { ca: server.pki.caPem, headers: { authorization: 'Bearer alice' } });
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(error.message).toContain('403');
  });

  it('is marked available once it has answered, and one that nobody answers is not', async () => {
    const condition = (name: string) => async () =>
      (
        (await server.get(`/apis/apiregistration.k8s.io/v1/apiservices/${name}`)).body['status'] as
          { conditions?: { status: string }[] } | undefined
      )?.conditions?.[0]?.status;
    expect(await eventually(condition('v1.remote.dev'), (status) => status !== undefined)).toBe('True');
    expect(await eventually(condition('v1.lost.dev'), (status) => status !== undefined)).toBe('False');
  });

  it('loses its WebSockets when the server stops, which does not wait for them', async () => {
    const url = `${server.url.replace('https', 'wss')}${root}/namespaces/shop/things/a/console`;
    const socket = new WebSocket(url, { ca: server.pki.caPem, headers: { authorization: 'Bearer admin' } });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await server.restart();
    await closed;
    expect((await server.get('/readyz')).text).toBe('ok');
  });

  it('that nobody answers is 503', async () => {
    const { status, body } = await server.get('/apis/lost.dev/v1/things');
    expect([status, body.reason]).toEqual([503, 'ServiceUnavailable']);
  });
});
