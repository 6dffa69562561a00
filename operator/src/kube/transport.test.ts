// The transport against a real server on loopback that misbehaves in every way.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { json, reset, ScriptedApi, silence, status, type Answer } from './scripted-api.ts';
import { createTransport, type Transport } from './transport.ts';
import { until } from '../../../test/waiting.ts';

let api: ScriptedApi;
let transport: Transport;
let tokens = 0;

beforeEach(async () => {
  api = await ScriptedApi.start();
  tokens = 0;
  transport = createTransport({
    server: api.url,
    userAgent: 'test-agent',
    token: () => `token-${++tokens}`,
    maxConnections: 2,
  });
});
afterEach(async () => {
  await transport.close();
  await api.close();
});

const get = { method: 'GET', path: '/api/v1/pods' } as const;

describe('a request', () => {
  it('carries its query, a token asked for anew each time, and JSON both ways', async () => {
    api.onWrite(json(201, { made: true }));
    const response = await transport.request({
      method: 'POST',
      path: '/api/v1/pods',
      query: { fieldManager: 'me', dryRun: undefined, force: true },
      body: { a: 'ä' },
    });
    expect(response).toMatchObject({ status: 201, body: { made: true } });
    const [seen] = api.requests;
    expect(Object.fromEntries(seen?.query ?? [])).toEqual({ fieldManager: 'me', force: 'true' });
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      'content-type': 'application/json',
      'user-agent': 'test-agent',
    });
    expect(seen?.body).toBe('{"a":"ä"}');
    await transport.request(get);
    expect(api.requests[1]?.headers.authorization).toBe('Bearer token-2');
  });

  it('gives text as a string, other content as bytes, and nothing as undefined', async () => {
    const plain = (type: string, body: string | Uint8Array) =>
      api.onList((_request, response) => {
        response.writeHead(200, { 'content-type': type });
        response.end(body);
      });
    plain('text/plain; charset=utf-8', 'ok');
    plain('image/png', new Uint8Array([137, 80]));
    plain('application/json', '');
    expect((await transport.request(get)).body).toBe('ok');
    expect((await transport.request(get)).body).toEqual(new Uint8Array([137, 80]));
    expect((await transport.request(get)).body).toBeUndefined();
  });

  it('fails with the Status of the server and its Retry-After', async () => {
    api.onList(status(429, 'TooManyRequests', { 'retry-after': '3' }));
    await expect(transport.request(get)).rejects.toMatchObject({
      kind: 'throttled',
      status: 429,
      reason: 'TooManyRequests',
      retryAfterMs: 3_000,
      message: 'GET /api/v1/pods: TooManyRequests was said',
    });
  });

  it('fails as network when the connection is reset, and as network when nobody listens', async () => {
    api.onList(reset);
    await expect(transport.request(get)).rejects.toMatchObject({ kind: 'network' });
    const nowhere = createTransport({ server: 'http://127.0.0.1:1', userAgent: 'test-agent' });
    await expect(nowhere.request(get)).rejects.toMatchObject({ kind: 'network' });
    await nowhere.close();
  });

  it('fails as timeout when no answer comes, and when the answer stops half-way', async () => {
    api.onList(silence, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"items":');
    });
    const late = { kind: 'timeout', message: 'GET /api/v1/pods: no complete answer within 200 ms' };
    await expect(transport.request({ ...get, timeoutMs: 200 })).rejects.toMatchObject(late);
    await expect(transport.request({ ...get, timeoutMs: 200 })).rejects.toMatchObject(late);
  });

  it('counts the wait for a free connection against its deadline', async () => {
    api.onList(silence, silence);
    const stop = new AbortController();
    const stuck = [1, 2].map(() => transport.request({ ...get, signal: stop.signal }).catch(() => undefined));
    await until(() => api.requests.length === 2, 'both connections are taken');
    await expect(transport.request({ ...get, timeoutMs: 100 })).rejects.toMatchObject({ kind: 'timeout' });
    expect(api.requests).toHaveLength(2);
    stop.abort();
    await Promise.all(stuck);
  });

  it('fails as aborted when its signal says so, before it is sent or while it waits', async () => {
    await expect(transport.request({ ...get, signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'aborted' });
    expect(api.requests).toHaveLength(0);
    api.onList(silence);
    const stop = new AbortController();
    const waiting = transport.request({ ...get, signal: stop.signal });
    waiting.catch(() => undefined);
    await until(() => api.requests.length === 1, 'the request has arrived');
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('fails as server when the answer claims to be JSON and is not', async () => {
    api.onList((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('<html>');
    });
    await expect(transport.request(get)).rejects.toMatchObject({ kind: 'server' });
  });

  it('sends a burst over no more connections than it may have', async () => {
    const ports = new Set<number>();
    const answer: Answer = (request, response) => {
      ports.add(response.socket?.remotePort ?? 0);
      json(200, {})(request, response);
    };
    api.onList(...Array.from({ length: 40 }, () => answer));
    await Promise.all(Array.from({ length: 40 }, () => transport.request(get)));
    expect(ports.size).toBeLessThanOrEqual(2);
  });
});

describe('a stream', () => {
  const path = '/api/v1/pods';

  it('fails as a request does when the server refuses it', async () => {
    api.onWatch(status(410, 'Expired'));
    const { signal } = new AbortController();
    await expect(transport.stream({ path, query: { watch: true }, signal })).rejects.toMatchObject({ kind: 'gone' });
  });

  it('is not held up by requests that use all their connections', async () => {
    api.onList(silence, silence);
    const stop = new AbortController();
    const stuck = [1, 2].map(() => transport.request({ ...get, signal: stop.signal }).catch(() => undefined));
    const stream = await transport.stream({ path, query: { watch: true }, signal: stop.signal });
    expect(stream.status).toBe(200);
    stop.abort();
    await Promise.all(stuck);
  });

  it('ends with a network error when the connection is reset, and with aborted when the reader stops it', async () => {
    const stop = new AbortController();
    const first = await transport.stream({ path, query: { watch: true }, signal: stop.signal });
    api.watches[0]?.raw('some bytes');
    const read = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of body) {
        if (chunk.length > 0) api.watches[0]?.reset();
      }
    };
    await expect(read(first.body)).rejects.toMatchObject({ kind: 'network' });
    const second = await transport.stream({ path, query: { watch: true }, signal: stop.signal });
    const reading = read(second.body);
    reading.catch(() => undefined);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ kind: 'aborted' });
  });
});

describe('createTransport', () => {
  it('refuses an address of another sort', () => {
    expect(() => createTransport({ server: 'ftp://x', userAgent: 'x' })).toThrow('server: "ftp://x"');
  });
});
