// The informer against a server that does everything that servers and networks do to watches.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { pods } from '../api/resources.ts';
import { KubeClient } from './client.ts';
import { FakeClock } from './clock.ts';
import { Informer, type InformerMetrics, type InformerOptions } from './informer.ts';
import type { KubeObject } from './object.ts';
import { json, reset, ScriptedApi, status, type Answer } from './scripted-api.ts';
import { createTransport, type Transport } from './transport.ts';
import { until } from '../../../test/waiting.ts';

const log = pino({ level: 'silent' });
let api: ScriptedApi;
let transport: Transport;
let stop: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  api = await ScriptedApi.start();
  transport = createTransport({ server: api.url, userAgent: 'test-agent' });
  stop = new AbortController();
  running = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await transport.close();
  await api.close();
});

function start(options: Partial<InformerOptions<KubeObject>> = {}) {
  const told: string[] = [];
  const measured: string[] = [];
  const metrics: InformerMetrics = {
    listed: (_type, outcome) => measured.push(`list ${outcome}`),
    repaired: (_type, changes) => measured.push(`repaired ${changes}`),
    watchEnded: (_type, outcome) => measured.push(`watch ${outcome}`),
    event: () => undefined,
    handlerFailed: () => measured.push('handler failed'),
  };
  const informer = new Informer<KubeObject>({
    client: new KubeClient(transport),
    type: pods,
    namespace: 'lab',
    log,
    metrics,
    ...options,
  });
  informer.onChange(({ type, object }) => told.push(`${type} ${object.metadata.name} ${object.metadata.uid}`));
  running.push(informer.run(stop.signal));
  return { informer, told, measured };
}

/** The watch that the informer has open now, once it has one. */
async function watching(after = 0): Promise<NonNullable<ScriptedApi['openWatch']>> {
  await until(() => api.watches.length > after && api.openWatch !== undefined, `watch number ${after + 1} is open`);
  return api.openWatch as NonNullable<ScriptedApi['openWatch']>;
}

const version = (): string => String(api.resourceVersion);
const bookmark = (resourceVersion: string) => ({ kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion } });

describe('an informer', () => {
  it('lists, watches from there with bookmarks and a time limit, and keeps its store equal', async () => {
    api.put('a');
    const { informer, told } = start({ labelSelector: 'x=y' });
    await informer.synced();
    expect(informer.hasSynced).toBe(true);
    const watch = await watching();
    const timeout = Number(watch.request.query.get('timeoutSeconds'));
    expect(timeout).toBeGreaterThanOrEqual(300);
    expect(timeout).toBeLessThanOrEqual(600);
    expect(Object.fromEntries(watch.request.query)).toMatchObject({
      allowWatchBookmarks: 'true',
      resourceVersion: '101',
      labelSelector: 'x=y',
    });
    watch.send('ADDED', api.put('b'));
    watch.send('MODIFIED', api.put('a'));
    watch.send('DELETED', api.put('b'));
    await until(() => told.length === 4, 'all changes are told');
    expect(told).toEqual(['added a uid-a', 'added b uid-b', 'updated a uid-a', 'deleted b uid-b']);
    expect(informer.store.keys()).toEqual(['lab/a']);
    expect(informer.lastEventAt).toBeGreaterThan(0);
  });

  it('keeps of an object only what is wanted, and nothing of one that is not wanted any more', async () => {
    api.put('a');
    api.put('unwanted');
    const keep = ({ metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject | undefined =>
      name === 'unwanted' || resourceVersion === '104'
        ? undefined
        : ({ metadata: { name, namespace, uid, resourceVersion }, kept: true } as KubeObject);
    const { informer, told } = start({ keep });
    await informer.synced();
    expect(informer.store.list()).toEqual([expect.objectContaining({ kept: true })]);
    const watch = await watching();
    watch.send('MODIFIED', api.put('a'));
    watch.send('MODIFIED', api.put('a'));
    watch.send('DELETED', api.put('unwanted'));
    watch.send('ADDED', api.put('b'));
    await until(() => told.length === 4, 'all changes are told');
    expect(told).toEqual(['added a uid-a', 'updated a uid-a', 'deleted a uid-a', 'added b uid-b']);
    expect(informer.store.list()).toEqual([expect.objectContaining({ kept: true })]);
  });

  it('tells a handler that comes late what is there already', async () => {
    api.put('a');
    const { informer } = start();
    await informer.synced();
    const late: string[] = [];
    informer.onChange(({ type, object }) => late.push(`${type} ${object.metadata.name}`));
    expect(late).toEqual(['added a']);
  });

  it('goes on from its last position, without listing, when the connection is reset', async () => {
    const { told } = start();
    const watch = await watching();
    watch.send('ADDED', api.put('a'));
    await until(() => told.length === 1, 'the change is told');
    watch.reset();
    const next = await watching(1);
    expect(next.request.query.get('resourceVersion')).toBe(version());
    expect(api.lists).toHaveLength(1);
  });

  it('goes on from a bookmark when the server ends the watch in good order', async () => {
    start();
    const watch = await watching();
    watch.send('BOOKMARK', bookmark('4711'));
    watch.end();
    expect((await watching(1)).request.query.get('resourceVersion')).toBe('4711');
    expect(api.lists).toHaveLength(1);
  });

  it('goes on from the last whole event when the stream is cut within a line', async () => {
    const { told } = start();
    const watch = await watching();
    watch.send('ADDED', api.put('a'));
    watch.raw('{"type":"MODIFIED","object":{"metadata":{"name":"a","resour');
    watch.end();
    const next = await watching(1);
    expect(next.request.query.get('resourceVersion')).toBe('101');
    expect(told).toEqual(['added a uid-a']);
    expect(api.lists).toHaveLength(1);
  });

  it.each([
    ['as an event', () => void api.openWatch?.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })],
    [
      'as a status',
      () => {
        api.onWatch(status(410, 'Gone'));
        api.openWatch?.end();
      },
    ],
  ])('lists again, and tells what it missed, when its position is gone: 410 %s', async (_how, fail) => {
    api.put('stays');
    api.put('goes');
    const { informer, told } = start();
    await informer.synced();
    (await watching()).send('BOOKMARK', bookmark(version()));
    api.objects.delete('goes');
    api.put('comes');
    const opened = api.watches.length;
    fail();
    await watching(opened);
    expect(api.lists).toHaveLength(2);
    expect(told.slice(2)).toEqual(['deleted goes uid-goes', 'added comes uid-comes']);
    expect(api.openWatch?.request.query.get('resourceVersion')).toBe(version());
  });

  it('lists again after a line that is not JSON, as it cannot know what it missed', async () => {
    const { told } = start();
    const watch = await watching();
    watch.raw('this is not JSON\n');
    api.put('missed');
    await watching(1);
    expect(api.lists).toHaveLength(2);
    expect(told).toEqual(['added missed uid-missed']);
  });

  it.each([
    ['500', status(500, 'InternalError')],
    ['401', status(401, 'Unauthorized')],
    ['403', status(403, 'Forbidden')],
    ['a reset', reset],
    ['garbage', json(200, 'what is this')],
  ])('does not stop at %s for its watches', async (_what, failure) => {
    api.onWatch(failure, failure);
    const { informer, told } = start();
    await informer.synced();
    (await watching()).send('ADDED', api.put('a'));
    await until(() => told.includes('added a uid-a'), 'the change is told');
  });

  it('does not stop at failing lists, and is synced once one succeeds', async () => {
    api.put('a');
    api.onList(status(500, 'InternalError'), status(403, 'Forbidden'), reset, reset);
    const { informer, measured } = start();
    const before = informer.hasSynced;
    await informer.synced();
    expect(before).toBe(false);
    expect(informer.store.keys()).toEqual(['lab/a']);
    expect(measured.filter((line) => line === 'list failed')).toHaveLength(3);
  });

  it('asks every second for a type that is not served yet, and says so about once in a minute', async () => {
    api.onList(...Array.from({ length: 65 }, () => status(404, 'NotFound')));
    const lines: string[] = [];
    const told = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    const clock = new FakeClock();
    const { informer } = start({ clock, log: told });
    for (let tries = 1; tries <= 65; tries++) {
      await until(() => clock.pending === 1, `try ${tries} has failed`);
      await clock.advance(1_000);
    }
    await informer.synced();
    expect(lines).toHaveLength(2);
  });

  it('waits as long as a throttling server says', async () => {
    const throttled = status(429, 'TooManyRequests', { 'retry-after': '1' });
    api.onWatch(throttled);
    const { informer } = start();
    await informer.synced();
    const refusedAt = performance.now();
    await watching();
    expect(performance.now() - refusedAt).toBeGreaterThan(900);
    expect(api.lists).toHaveLength(1);
  });

  it('opens another watch when one falls silent, as after a lost peer', async () => {
    start({ silenceMs: 200 });
    const first = await watching();
    await watching(1);
    expect(first.closed).toBe(true);
    expect(api.lists).toHaveLength(1);
  });

  it('opens a quiet watch again at once, however often something on the way cuts it', async () => {
    const clock = new FakeClock();
    start({ clock, random: () => 0 });
    for (let cuts = 0; cuts < 5; cuts++) {
      const watch = await watching(cuts);
      await clock.advance(35_000);
      watch.reset();
      await until(() => clock.pending === 1, 'the pause after the cut has begun');
      await clock.advance(200);
    }
    await watching(5);
    expect(api.lists).toHaveLength(1);
  });

  it('slows down when the server ends every watch at once', async () => {
    const endAtOnce: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end();
    };
    api.onWatch(...Array.from({ length: 50 }, () => endAtOnce));
    start();
    const watches = () => api.requests.filter((r) => r.query.has('watch')).length;
    await until(() => watches() >= 3, 'a few watches were tried');
    const from = performance.now();
    await until(() => watches() >= 5, 'two more were tried');
    expect(performance.now() - from).toBeGreaterThan(500);
  });

  it('survives a handler that throws: others are told, and the position moves on', async () => {
    const { informer, told, measured } = start();
    informer.onChange(() => {
      throw new Error('a careless handler');
    });
    const watch = await watching();
    watch.send('ADDED', api.put('a'));
    watch.send('ADDED', api.put('b'));
    await until(() => told.length === 2, 'both changes are told');
    expect(measured.filter((line) => line === 'handler failed')).toHaveLength(2);
    watch.reset();
    expect((await watching(1)).request.query.get('resourceVersion')).toBe(version());
  });

  it('sees an object that was deleted and made anew between lists as two objects', async () => {
    api.put('a', 'first');
    const { informer, told } = start();
    await informer.synced();
    const watch = await watching();
    api.put('a', 'second');
    watch.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await until(() => told.length === 3, 'the new one is told');
    expect(told).toEqual(['added a first', 'deleted a first', 'added a second']);
  });

  it('finds by its periodic relist what no event told of', async () => {
    const { informer, told, measured } = start({ relistMs: 500 });
    await informer.synced();
    await watching();
    api.put('lost');
    await until(() => told.includes('added lost uid-lost'), 'the lost object is found');
    expect(measured).toContain('repaired 1');
  });

  it('leaves no watch open when it is stopped while it connects, and rejects who waits for its sync', async () => {
    const { informer } = start();
    const synced = informer.synced();
    stop.abort();
    await expect(synced).rejects.toMatchObject({ kind: 'aborted' });
    await Promise.all(running);
    await until(() => api.openWatch === undefined, 'nothing is open');
    await expect(informer.synced()).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('closes its watch when it is stopped', async () => {
    start();
    const watch = await watching();
    stop.abort();
    await Promise.all(running);
    await until(() => watch.closed, 'the watch is closed');
  });

  it('refuses to run twice', async () => {
    const { informer } = start();
    await expect(informer.run(stop.signal)).rejects.toThrow('already been started');
  });
});
