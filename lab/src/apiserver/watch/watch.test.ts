// Watches over HTTPS: what is sent from where, bookmarks, selectors, tables, and coming back too late.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, gear, gearsPath, startShop, type TestServer, type WatchEvent } from '../test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

const now = async (): Promise<string> => String((await server.get(`${gearsPath}?limit=1`)).metadata.resourceVersion);
const brief = (events: readonly WatchEvent[]): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata?.name}`);

describe('a watch', () => {
  it('sends what changed after its resourceVersion, then what changes', async () => {
    const since = await now();
    await server.post(gearsPath, gear('w1'));
    const events = server.watch(`${gearsPath}?watch=1&resourceVersion=${since}`, (seen) => seen.length === 4);
    await server.patch(`${gearsPath}/w1`, 'merge', { spec: { teeth: 9 } });
    await server.patch(`${gearsPath}/w1/status`, 'merge', { status: { phase: 'Up' } });
    const last = await server.get(`${gearsPath}/w1`);
    await server.delete(`${gearsPath}/w1`);
    expect(brief(await events)).toEqual(['ADDED w1', 'MODIFIED w1', 'MODIFIED w1', 'DELETED w1']);
    const deleted = (await events)[3]?.object.metadata?.resourceVersion;
    expect(Number(deleted)).toBeGreaterThan(Number(last.metadata.resourceVersion));
  });

  it('without a resourceVersion begins with the present state', async () => {
    await server.post(gearsPath, gear('state'));
    const events = await server.watch(`${gearsPath}?watch=1&timeoutSeconds=1`);
    expect(brief(events)).toEqual(['ADDED state']);
    await server.delete(`${gearsPath}/state`);
  });

  it('sends the state and says where it ends, when asked for initial events', async () => {
    await server.post(gearsPath, gear('initial'));
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const events = await server.watch(`${gearsPath}?${query}`, (seen) => seen.at(-1)?.type === 'BOOKMARK');
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]?.object).toMatchObject({
      kind: 'Gear',
      metadata: { resourceVersion: await now(), annotations: { 'k8s.io/initial-events-end': 'true' } },
    });
    await server.delete(`${gearsPath}/initial`);
  });

  it('ends after its time with a bookmark, if bookmarks are allowed', async () => {
    const since = await now();
    await server.post('/api/v1/namespaces/shop/configmaps', { metadata: { generateName: 'unrelated-' } });
    const [bookmark, ...rest] = await server.watch(
      `${gearsPath}?watch=1&resourceVersion=${since}&timeoutSeconds=1&allowWatchBookmarks=true`,
    );
    expect(bookmark?.type).toBe('BOOKMARK');
    expect(Number(bookmark?.object.metadata?.resourceVersion)).toBeGreaterThan(Number(since));
    expect(rest).toEqual([]);
  });

  it('shows entering and leaving a selection as being added and deleted', async () => {
    await server.post(gearsPath, gear('mover'));
    const since = await now();
    const events = server.watch(
      `${gearsPath}?watch=1&labelSelector=in%3Dyes&resourceVersion=${since}`,
      (seen) => seen.length === 3,
    );
    await server.patch(`${gearsPath}/mover`, 'merge', { metadata: { labels: { in: 'yes' } } });
    await server.patch(`${gearsPath}/mover`, 'merge', { spec: { teeth: 9 } });
    await server.patch(`${gearsPath}/mover`, 'merge', { metadata: { labels: { in: null } } });
    expect(brief(await events)).toEqual(['ADDED mover', 'MODIFIED mover', 'DELETED mover']);
    expect((await events)[2]?.object.metadata?.labels).toEqual({ in: 'yes' });
    await server.delete(`${gearsPath}/mover`);
  });

  it('of one object by name sees no other', async () => {
    const since = await now();
    await server.post(gearsPath, gear('one'));
    await server.post(gearsPath, gear('two'));
    const events = await server.watch(
      `${gearsPath}?watch=1&fieldSelector=metadata.name%3Done&resourceVersion=${since}&timeoutSeconds=1`,
    );
    expect(brief(events)).toEqual(['ADDED one']);
    await server.delete(gearsPath);
  });

  it('sends tables, with the columns in the first only', async () => {
    await server.post(gearsPath, gear('row1'));
    await server.post(gearsPath, gear('row2'));
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const events = await server.watch(`${gearsPath}?watch=1&timeoutSeconds=1`, undefined, { accept });
    expect(events.map((event) => [event.object.kind, event.object['columnDefinitions'] === null])).toEqual([
      ['Table', false],
      ['Table', true],
    ]);
    await server.delete(gearsPath);
  });

  it('catches up over a restart of the server', async () => {
    const since = await now();
    await server.post(gearsPath, gear('survivor'));
    await server.restart();
    const events = await server.watch(`${gearsPath}?watch=1&resourceVersion=${since}`, (seen) => seen.length === 1);
    expect(brief(events)).toEqual(['ADDED survivor']);
    await server.delete(gearsPath);
  });

  it('ends properly when the server stops, and goes on where it was on the same port', async () => {
    const since = await now();
    const { url } = server;
    const begun = new Set<number>();
    const watchers = [0, 1, 2].map((watcher) =>
      server.watch(`${gearsPath}?watch=1&resourceVersion=${since}`, (seen) => {
        if (seen.length > 0) begun.add(watcher);
        return false;
      }),
    );
    await server.post(gearsPath, gear('before'));
    await eventually(
      () => Promise.resolve(begun.size),
      (watching) => watching === watchers.length,
    );
    await server.restart();
    expect(server.url).toBe(url);
    // A broken connection would reject.
    for (const events of await Promise.all(watchers)) expect(brief(events)).toEqual(['ADDED before']);
    const last = await now();
    const { metadata } = await server.post(gearsPath, gear('after'));
    expect(Number(metadata.resourceVersion)).toBe(Number(last) + 1);
    const [missed] = await server.watch(`${gearsPath}?watch=1&resourceVersion=${last}`, (seen) => seen.length === 1);
    expect(missed).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'after' } } });
    await server.delete(gearsPath);
  });

  it('that comes back too late is told to list again', async () => {
    const small = await startShop({ watchHistory: 20 });
    try {
      for (let i = 0; i < 60; i += 1) await small.post(gearsPath, gear(`c${i}`));
      await small.restart();
      const [event, ...rest] = await small.watch(`${gearsPath}?watch=1&resourceVersion=2`);
      expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', reason: 'Expired', code: 410 } });
      expect(event?.object.message).toMatch(/^too old resource version: 2 \(\d+\)$/);
      expect(rest).toEqual([]);
    } finally {
      await small.stop();
    }
  });

  it('is refused for a resourceVersion that is no number', async () => {
    const { status, body } = await server.get(`${gearsPath}?watch=1&resourceVersion=abc`);
    expect(status).toBe(500);
    expect(body.message).toContain('parsing "abc": invalid syntax');
  });

  it('is refused for initial events without a match', async () => {
    const { status, body } = await server.get(`${gearsPath}?watch=1&sendInitialEvents=true`);
    expect(status).toBe(422);
    expect(body.message).toContain('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  });
});
