// What the recorder sends, and what it does when sending fails.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Event } from '../api/kubernetes.ts';
import { KubeClient } from './client.ts';
import { defaultSeriesOptions, type SeriesOptions } from './event-series.ts';
import { EventRecorder } from './events.ts';
import { json, reset, ScriptedApi, status } from './scripted-api.ts';
import { createTransport, type Transport } from './transport.ts';
import { until } from '../../../test/waiting.ts';

const job = { apiVersion: 'idlewild.dev/v1alpha1', kind: 'ComputeJob', namespace: 'lab', name: 'a', uid: 'u1' };
const claimed = { type: 'Normal', reason: 'Claimed', action: 'Claim', message: 'pc-1 was first' } as const;

let api: ScriptedApi;
let transport: Transport;

beforeEach(async () => {
  api = await ScriptedApi.start();
  api.otherwise = json(201, {});
  transport = createTransport({ server: api.url, userAgent: 'test-agent' });
});
afterEach(async () => {
  await transport.close();
  await api.close();
});

function recorder(series?: Partial<SeriesOptions>, log = pino({ level: 'silent' })): EventRecorder {
  let id = 0;
  return new EventRecorder({
    client: new KubeClient(transport),
    controller: 'idlewild.dev/operator',
    instance: 'operator-0',
    log,
    newId: () => `id${++id}`,
    series: { ...defaultSeriesOptions, ...series },
  });
}

const bodies = (): Event[] => api.requests.map((r) => JSON.parse(r.body) as Event);

describe('the event recorder', () => {
  it('creates an event with every field that the API requires', async () => {
    const events = recorder();
    events.event(job, claimed);
    await events.flush();
    expect(api.requests.map((r) => `${r.method} ${r.path}`)).toEqual([
      'POST /apis/events.k8s.io/v1/namespaces/lab/events',
    ]);
    const [event] = bodies();
    expect(event).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'lab', name: expect.stringMatching(/^a\.[0-9a-f]{14}id1$/) },
      reportingController: 'idlewild.dev/operator',
      reportingInstance: 'operator-0',
      action: 'Claim',
      reason: 'Claimed',
      type: 'Normal',
      note: 'pc-1 was first',
      regarding: job,
    });
    expect(event?.eventTime).toMatch(/\.\d{6}Z$/);
    expect(event).not.toHaveProperty('series');
  });

  it('makes one series of repeated events, and tells the last count', async () => {
    const events = recorder();
    events.event(job, claimed);
    await until(() => api.requests.length === 1, 'the first is sent');
    for (let i = 0; i < 20; i++) events.event(job, claimed);
    await events.flush();
    const patches = api.requests.filter((r) => r.method === 'PATCH');
    expect(api.requests.filter((r) => r.method === 'POST')).toHaveLength(1);
    expect(patches.length).toBeGreaterThan(0);
    const [{ metadata }] = bodies() as [Event];
    expect(patches.at(-1)?.path).toBe(`/apis/events.k8s.io/v1/namespaces/lab/events/${metadata.name}`);
    const last = JSON.parse(patches.at(-1)?.body ?? '') as Event;
    expect(last.series?.count).toBe(21);
    expect(last.series?.lastObservedTime).toMatch(/\.\d{6}Z$/);
  });

  it('tells of late occurrences by itself, after a while', async () => {
    const events = recorder({ updateMs: 200 });
    events.event(job, claimed);
    await until(() => api.requests.length === 1, 'the first is sent');
    for (let i = 0; i < 5; i++) events.event(job, claimed);
    await until(() => bodies().some((event) => event.series?.count === 6), 'all six are told');
    await events.flush();
  });

  it('puts events about cluster-scoped objects into the namespace default', async () => {
    const events = recorder();
    events.event({ apiVersion: 'v1', kind: 'Node', name: 'pc-1', uid: 'u' }, claimed);
    await events.flush();
    const [event] = bodies();
    expect(event?.metadata).toEqual({ namespace: 'default', name: expect.stringMatching(/^pc-1\.\w+id1$/) });
    expect(event?.regarding).toEqual({ apiVersion: 'v1', kind: 'Node', name: 'pc-1', uid: 'u' });
  });

  it('keeps within the limits of the API, without cutting a character in two', async () => {
    const events = recorder();
    events.event(
      { ...job, name: 'n'.repeat(253) },
      { ...claimed, message: 'ä'.repeat(2_000), reason: 'R'.repeat(200) },
    );
    await events.flush();
    const [event] = bodies();
    expect(event?.metadata.name).toHaveLength(253);
    expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1_024);
    expect(event?.note).toMatch(/^ä+\.\.\.$/);
    expect(event?.reason).toHaveLength(128);
  });

  it('tries again after a failure of network or server, and gives up what is refused', async () => {
    api.onWrite(reset, status(500, 'InternalError'));
    const events = recorder();
    events.event(job, claimed);
    await events.flush(20_000);
    expect(api.requests).toHaveLength(3);
    expect(events.dropped).toBe(0);
    api.onWrite(status(403, 'Forbidden'));
    events.event(job, { ...claimed, message: 'refused' });
    await events.flush();
    expect(events.dropped).toBe(1);
    events.event(job, { ...claimed, message: 'refused' });
    await events.flush();
    expect(bodies().at(-1)).toMatchObject({ note: 'refused', metadata: { name: expect.stringMatching(/^a\./) } });
  });

  it('goes on in a new event when the stored one has expired', async () => {
    const events = recorder();
    events.event(job, claimed);
    await until(() => api.requests.length === 1, 'the first is sent');
    await events.flush();
    api.onWrite(status(404, 'NotFound'));
    events.event(job, claimed);
    await events.flush();
    expect(api.requests.map((r) => r.method)).toEqual(['POST', 'PATCH', 'POST']);
    expect(bodies().at(-1)).toMatchObject({ metadata: { name: expect.stringMatching(/id2$/) }, series: { count: 2 } });
  });

  it('names the events of an object so that they are listed in the order in which they happened', async () => {
    const events = recorder();
    for (let i = 0; i < 20; i++) events.event(job, { ...claimed, message: `message ${i}` });
    await events.flush();
    const inOrder = bodies().sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    expect(inOrder.map(({ note }) => note)).toEqual(Array.from({ length: 20 }, (_, i) => `message ${i}`));
  });

  it('sends several at once, and never two of one series', async () => {
    const pending: (() => void)[] = [];
    api.otherwise = (request, response) => pending.push(() => void json(201, {})(request, response));
    const events = recorder();
    events.event(job, claimed);
    for (let i = 0; i < 5; i++) events.event(job, claimed);
    for (let i = 0; i < 9; i++) events.event(job, { ...claimed, message: `message ${i}` });
    await until(() => pending.length === 4, 'four are under way');
    expect(new Set(bodies().map(({ note }) => note)).size).toBe(4);
    api.otherwise = json(201, {});
    for (const answer of pending) answer();
    await events.flush();
    expect(api.requests.filter((r) => r.method === 'POST')).toHaveLength(10);
    expect(api.requests.filter((r) => r.method === 'PATCH').length).toBeGreaterThan(0);
  });

  it('keeps thousands for when there is time', async () => {
    const events = recorder();
    for (let i = 0; i < 3_000; i++) events.event({ ...job, name: `j${i}`, uid: `u${i}` }, claimed);
    await events.flush(60_000);
    expect(events.dropped).toBe(0);
    expect(api.requests).toHaveLength(3_000);
  }, 60_000);

  it('logs what it drops in few lines that tell how many', async () => {
    const lines: { events?: number; msg: string }[] = [];
    const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) });
    const events = recorder({ burst: 1 }, log);
    for (let i = 0; i < 50; i++) events.event(job, { ...claimed, message: `message ${i}` });
    await events.flush();
    expect(lines.map(({ events: dropped, msg }) => [msg, dropped])).toEqual([
      ['event given up', undefined],
      ['more events given up', 48],
    ]);
  });

  it('counts and drops what goes beyond the allowance of an object, and never throws', async () => {
    const events = recorder({ burst: 3 });
    for (let i = 0; i < 10; i++) events.event(job, { ...claimed, message: `message ${i}` });
    await events.flush();
    expect(api.requests).toHaveLength(3);
    expect(events.dropped).toBe(7);
  });

  it('flushes in bounded time when the server is gone', async () => {
    const events = recorder();
    await api.close();
    const from = performance.now();
    events.event(job, claimed);
    await events.flush(300);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(events.dropped).toBe(1);
    api = await ScriptedApi.start();
  });
});
