// Candidates for one lease, over real HTTP against a server that keeps it as the API server does.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Lease } from '../api/kubernetes.ts';
import { KubeClient } from './client.ts';
import { runWithLease } from './leader.ts';
import { json, reset, ScriptedApi, silence, status, type Answer } from './scripted-api.ts';
import { createTransport, type Transport } from './transport.ts';
import { until } from '../../../test/waiting.ts';

const log = pino({ level: 'silent' });
const terms = { leaseDurationMs: 2_000, renewDeadlineMs: 1_000, retryPeriodMs: 200 };
/** Of a lease that does not run out while a busy machine stands still. */
const long = { leaseDurationMs: 20_000, renewDeadlineMs: 15_000 };

let api: ScriptedApi;
let transport: Transport;
let stored: Lease | undefined;
const stops: AbortController[] = [];
const ends: Promise<unknown>[] = [];

/** Optimistic locking, as the API server does it. */
const keepLease: Answer = (request, response) => {
  if (request.method === 'GET') {
    (stored ? json(200, stored) : status(404, 'NotFound'))(request, response);
    return;
  }
  const sent = JSON.parse(request.body) as Lease;
  if (request.method === 'POST' && stored) status(409, 'AlreadyExists')(request, response);
  else if (request.method === 'PUT' && sent.metadata.resourceVersion !== stored?.metadata.resourceVersion) {
    status(409, 'Conflict')(request, response);
  } else {
    const resourceVersion = String(Number(stored?.metadata.resourceVersion ?? 0) + 1);
    stored = { ...sent, metadata: { ...sent.metadata, uid: 'u', resourceVersion } };
    json(200, stored)(request, response);
  }
};

beforeEach(async () => {
  api = await ScriptedApi.start();
  api.otherwise = keepLease;
  transport = createTransport({ server: api.url, userAgent: 'test-agent' });
  stored = undefined;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await Promise.allSettled(ends.splice(0));
  await transport.close();
  await api.close();
});

function candidate(identity: string, own: Transport = transport, work?: () => Promise<void>, more = {}) {
  const stop = new AbortController();
  const state = { leading: false, ledAt: 0, endedAt: 0 };
  const end = runWithLease({
    ...{ ...terms, ...more },
    client: new KubeClient(own),
    namespace: 'lab',
    name: 'operator',
    identity,
    log,
    signal: stop.signal,
    onLead: async (signal) => {
      state.leading = true;
      state.ledAt = performance.now();
      if (work) await work();
      else if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      state.endedAt = performance.now();
      state.leading = false;
    },
  });
  end.catch(() => undefined);
  stops.push(stop);
  ends.push(end);
  return { stop, state, end };
}

const holder = (): string | undefined => stored?.spec?.holderIdentity;

describe('runWithLease', () => {
  it('creates the lease with six-digit times and renews it', async () => {
    const a = candidate('a');
    await until(() => a.state.leading, 'a leads');
    const first = stored?.spec;
    expect(first).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 2, leaseTransitions: 0 });
    expect(first?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await until(() => stored?.spec?.renewTime !== first?.renewTime, 'it is renewed');
    expect(stored?.spec?.acquireTime).toBe(first?.acquireTime);
  });

  it('releases on stop, and the next one takes over without waiting for the lease to run out', async () => {
    const a = candidate('a', transport, undefined, long);
    await until(() => a.state.leading, 'a leads');
    const b = candidate('b', transport, undefined, long);
    await until(() => api.requests.filter((r) => r.method === 'GET').length >= 3, 'b has looked');
    expect(b.state.leading).toBe(false);
    a.stop.abort();
    expect(await a.end).toBe('stopped');
    await until(() => b.state.leading, 'b leads');
    expect(b.state.ledAt).toBeGreaterThanOrEqual(a.state.endedAt);
    expect(b.state.ledAt - a.state.endedAt).toBeLessThan(long.leaseDurationMs);
    expect(stored?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it.each([
    ['refuses to renew', status(500, 'InternalError')],
    ['cuts every connection', reset],
    ['does not answer', silence],
  ])('ends as lost, before anybody else can lead, when the server %s', async (_what, failure) => {
    const a = candidate('a');
    await until(() => a.state.leading, 'a leads');
    // Only a's connection suffers; b's reaches the same lease.
    const other = await ScriptedApi.start();
    other.otherwise = keepLease;
    const otherTransport = createTransport({ server: other.url, userAgent: 'test-agent' });
    const b = candidate('b', otherTransport);
    await until(() => other.requests.length > 0, 'b has looked');
    api.otherwise = failure;
    expect(await a.end).toBe('lost');
    await until(() => b.state.leading, 'b leads');
    expect(a.state.endedAt).toBeGreaterThan(0);
    expect(a.state.endedAt).toBeLessThan(b.state.ledAt);
    b.stop.abort();
    await b.end;
    await otherTransport.close();
    await other.close();
  });

  it('ends as lost at once when another process has taken the lease', async () => {
    const a = candidate('a');
    await until(() => a.state.leading, 'a leads');
    stored = {
      metadata: { namespace: 'lab', name: 'operator', uid: 'u', resourceVersion: '900' },
      spec: { ...stored?.spec, holderIdentity: 'thief' },
    };
    expect(await a.end).toBe('lost');
    expect(holder()).toBe('thief');
  });

  it('goes on when somebody merely touched the lease', async () => {
    const a = candidate('a');
    await until(() => a.state.leading, 'a leads');
    stored = { ...(stored as Lease), metadata: { ...(stored as Lease).metadata, resourceVersion: '900' } };
    await until(() => Number(stored?.metadata.resourceVersion) > 902, 'it was renewed on top');
    expect(a.state.leading).toBe(true);
  });

  it('makes the lease anew, and goes on, when somebody deleted it', async () => {
    const a = candidate('a', transport, undefined, long);
    await until(() => a.state.leading, 'a leads');
    stored = undefined;
    await until(() => holder() === 'a', 'the lease is there again');
    await until(() => Number(stored?.metadata.resourceVersion) > 1, 'it is renewed');
    expect(a.state.leading).toBe(true);
  });

  it('survives a renewal that nobody answers, by another one', async () => {
    const a = candidate('a', transport, undefined, long);
    await until(() => a.state.leading, 'a leads');
    const version = Number(stored?.metadata.resourceVersion);
    api.onWrite(silence);
    await until(() => Number(stored?.metadata.resourceVersion) > version + 2, 'it was renewed after that');
    expect(a.state.leading).toBe(true);
  });

  it('releases when its work ends by itself, and hands on what the work throws', async () => {
    const a = candidate('a', transport, () => Promise.resolve());
    expect(await a.end).toBe('stopped');
    expect(holder()).toBe('');
    const b = candidate('b', transport, () => Promise.reject(new Error('work failed')));
    await expect(b.end).rejects.toThrow('work failed');
    expect(holder()).toBe('');
  });

  it('takes the lease back at once after its own crash, and after one of a holder that stays away', async () => {
    const metadata = { namespace: 'lab', name: 'operator', uid: 'u', resourceVersion: '1' };
    stored = { metadata, spec: { holderIdentity: 'a', leaseDurationSeconds: 60 } };
    const a = candidate('a');
    await until(() => a.state.leading, 'a leads again');
    a.stop.abort();
    await a.end;
    stored = { metadata, spec: { holderIdentity: 'gone', leaseDurationSeconds: 1 } };
    const b = candidate('b');
    await until(() => b.state.leading, 'b leads');
    expect(stored.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('stops waiting when it is told to', async () => {
    const metadata = { namespace: 'lab', name: 'operator', uid: 'u', resourceVersion: '1' };
    stored = { metadata, spec: { holderIdentity: 'other', leaseDurationSeconds: 3600 } };
    const b = candidate('b');
    await until(() => api.requests.length > 0, 'b has looked');
    b.stop.abort();
    expect(await b.end).toBe('stopped');
    expect(holder()).toBe('other');
  });
});
