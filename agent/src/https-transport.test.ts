// The agent's own transport against a server on loopback that misbehaves, and against a real one over TLS.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import { json, reset, ScriptedApi, silence, status } from '@idlewild/operator/kube/scripted-api.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { createHttpsTransport } from './https-transport.ts';

let api: ScriptedApi;
let transport: Transport;
let tokens = 0;
beforeEach(async () => {
  api = await ScriptedApi.start();
  tokens = 0;
  transport = createHttpsTransport({ server: api.url, userAgent: 'test-agent', token: () => `token-${++tokens}` });
});
afterEach(async () => {
  await transport.close();
  await api.close();
});

const get = { method: 'GET', path: '/api/v1/pods' } as const;
const failed = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe('a request of the agent', () => {
  it('carries its query, a token asked for anew each time, and JSON both ways', async () => {
    api.onWrite(json(201, { made: true }));
    const query = { fieldManager: 'me', dryRun: undefined, force: true };
    const response = await transport.request({ method: 'POST', path: '/api/v1/pods', query, body: { a: 'ä' } });
    expect(response).toMatchObject({ status: 201, body: { made: true } });
    const [seen] = api.requests;
    expect(Object.fromEntries(seen?.query ?? [])).toEqual({ fieldManager: 'me', force: 'true' });
    expect(seen?.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'test-agent' });
    expect(seen?.body).toBe('{"a":"ä"}');
    await transport.request(get);
    expect(api.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('fails in the words of the server', async () => {
    api.onList(status(409, 'Conflict'));
    const error = await failed(transport.request(get));
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({ kind: 'conflict', message: 'GET /api/v1/pods: Conflict was said' });
  });

  it('that gets no answer ends at its deadline, or when it is called off', async () => {
    api.onList(silence);
    expect(await failed(transport.request({ ...get, timeoutMs: 100 }))).toMatchObject({ kind: 'timeout' });
    api.onList(silence);
    expect(await failed(transport.request({ ...get, signal: AbortSignal.timeout(100) }))).toMatchObject({
      kind: 'aborted',
    });
    expect(await failed(transport.request({ ...get, signal: AbortSignal.abort() }))).toMatchObject({ kind: 'aborted' });
  });

  it('over a connection that breaks is a fault of the network, and the next one is well', async () => {
    api.onList(reset);
    expect(await failed(transport.request(get))).toMatchObject({ kind: 'network' });
    api.onList(json(200, { items: [] }));
    expect((await transport.request(get)).body).toEqual({ items: [] });
  });

  it('goes to an address of IPv6 as to any other', async () => {
    const other = createHttpsTransport({ server: 'http://[::1]:1', userAgent: 'test-agent', token: () => '' });
    // Nobody answers there; a name that had to be looked up would not be found.
    expect(await failed(other.request(get))).toMatchObject({ message: expect.not.stringContaining('ENOTFOUND') });
    await other.close();
  });

  it('ends with the transport', async () => {
    api.onList(silence);
    const asked = failed(transport.request(get));
    await transport.close();
    expect(await asked).toMatchObject({ kind: 'aborted' });
  });
});

describe('a stream for the agent', () => {
  it('is read to its end, or fails as a request does', async () => {
    api.onList((_request, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end('a line'));
    const { body } = await transport.stream({ path: '/log', signal: new AbortController().signal });
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('a line');
    api.onList(status(404, 'NotFound'));
    const asked = transport.stream({ path: '/log', signal: new AbortController().signal });
    expect(await failed(asked)).toMatchObject({ kind: 'notFound' });
  });
});

describe('a server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
  }, 60_000);
  afterAll(() => server.stop());

  it('is believed with the certificate of its CA, and with no other', async () => {
    const to = (ca?: string) =>
      createHttpsTransport({ server: server.url, ca, token: () => 'admin', userAgent: 'test-agent' });
    const known = to(server.pki.caPem);
    const node = { method: 'GET', path: '/api/v1/nodes' } as const;
    expect(await known.request(node)).toMatchObject({ status: 200, body: { kind: 'NodeList' } });
    const unknown = to();
    expect(await failed(unknown.request(node))).toMatchObject({ kind: 'network' });
    await Promise.all([known.close(), unknown.close()]);
  });

  it('with an address of another kind is refused', () => {
    const wrong = () => createHttpsTransport({ server: 'ftp://x', token: () => '', userAgent: '' });
    expect(wrong).toThrow('server: "ftp://x" is neither an https:// nor an http:// address');
  });
});
