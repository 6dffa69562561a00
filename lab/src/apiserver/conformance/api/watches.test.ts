// Watches: what is told, from where on, and what happens to one that asks for too old a version.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject, type WatchEvent } from './subject.ts';
import { configMap, thing } from './thing.ts';

const subject = testSubject({ defines: true });

/** Until the cache that watches of a new kind are served from is filled, a server refuses them, or knows no version so far. */
beforeAll(async () => {
  const things = `/apis/${subject.group}/v1/things?resourceVersion=0`;
  const { status, text } = await subject.eventually(
    () => subject.get(things),
    (answer) => answer.status === 200,
  );
  if (status !== 200) throw new Error(`things are not served from a cache: ${status} ${text}`);
});

/** What happened to which object; an error, or a refusal in the place of a watch, in its own words. */
const told = (events: readonly Partial<WatchEvent>[]) =>
  events
    .filter(({ type }) => type !== 'BOOKMARK')
    .map((event) => {
      const name = event.object?.metadata.name;
      return name === undefined ? JSON.stringify(event) : `${event.type} ${name}`;
    });

describe('a watch', () => {
  it('goes on where a list or an earlier watch ended', async () => {
    const { things } = await subject.space();
    const { metadata } = await subject.made(subject.get(things));
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    await subject.made(subject.patch('merge', `${things}/a`, { spec: { size: 4 } }));
    await subject.made(subject.delete(`${things}/a`));
    const from = (version: string) =>
      subject.watch(
        `${things}?watch=1&resourceVersion=${version}&timeoutSeconds=5`,
        (events) => told(events).at(-1) === 'DELETED a',
      );
    const all = await from(metadata.resourceVersion);
    expect(told(all)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    const versions = all.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((x, y) => x - y));
    expect(told(await from(all[0]?.object.metadata.resourceVersion ?? ''))).toEqual(['MODIFIED a', 'DELETED a']);
  });

  it.each(['', '&resourceVersion=0'])('begins with the state (%s)', async (version) => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    await subject.made(subject.post(things, thing(subject.group, 'b')));
    const events = await subject.watch(`${things}?watch=1${version}&timeoutSeconds=5`, ({ length }) => length === 2);
    expect(told(events).sort()).toEqual(['ADDED a', 'ADDED b']);
  });

  it('tells of what enters and leaves its selection', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    const { metadata } = await subject.made(subject.get(things));
    const label = (value: string | null) =>
      subject.made(subject.patch('merge', `${things}/a`, { metadata: { labels: { in: value } } }));
    await label('yes');
    await subject.made(subject.patch('merge', `${things}/a`, { spec: { size: 4 } }));
    await label(null);
    const events = await subject.watch(
      `${things}?watch=1&labelSelector=in%3Dyes&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`,
      (all) => told(all).at(-1) === 'DELETED a',
    );
    expect(told(events)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    expect(events.at(-1)?.object.metadata.labels).toEqual({ in: 'yes' });
  });

  it('of one object tells of no other', async () => {
    const { things } = await subject.space();
    const { metadata } = await subject.made(subject.get(things));
    await subject.made(subject.post(things, thing(subject.group, 'other')));
    await subject.made(subject.post(things, thing(subject.group, 'one')));
    const events = await subject.watch(
      `${things}?watch=1&fieldSelector=metadata.name%3Done&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`,
      ({ length }) => length > 0,
    );
    expect(told(events)).toEqual(['ADDED one']);
  });

  it('is given bookmarks that it can go on from', async () => {
    const space = await subject.space();
    const { metadata } = await subject.made(subject.get(space.things));
    await subject.made(subject.post(space.things, thing(subject.group, 'a')));
    // Bookmarks come when the server likes, and about two seconds before a watch ends by itself.
    const events = await subject.watch(
      `${space.things}?watch=1&allowWatchBookmarks=true&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=6`,
      (all) => all.some(({ type }) => type === 'BOOKMARK'),
    );
    const bookmark = events.find(({ type }) => type === 'BOOKMARK')?.object;
    expect(bookmark).toMatchObject({ kind: 'Thing', apiVersion: `${subject.group}/v1` });
    expect(Number(bookmark?.metadata.resourceVersion)).toBeGreaterThan(Number(metadata.resourceVersion));
    await subject.made(subject.post(space.things, thing(subject.group, 'b')));
    const on = await subject.watch(
      `${space.things}?watch=1&resourceVersion=${bookmark?.metadata.resourceVersion}&timeoutSeconds=5`,
      ({ length }) => length > 0,
    );
    expect(told(on)).toEqual(['ADDED b']);
  });

  it('as a list ends the state with a bookmark that says so', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=10';
    const events = await subject.watch(`${things}?watch=1&${query}`, (all) =>
      all.some(({ type }) => type === 'BOOKMARK'),
    );
    expect(events).toEqual([expect.objectContaining({ type: 'ADDED' }), expect.objectContaining({ type: 'BOOKMARK' })]);
    expect(events.at(-1)?.object.metadata['annotations']).toEqual({ 'k8s.io/initial-events-end': 'true' });
  });

  it('is told in its stream that its version is too old', async () => {
    const space = await subject.space();
    for (let i = 0; subject.forgetsSoon && i < 130; i += 1) {
      await subject.made(subject.post(space.configMaps, configMap(`m${i}`)));
    }
    const events = await subject.watch(
      `${space.things}?watch=1&resourceVersion=1&timeoutSeconds=5`,
      ({ length }) => length > 0,
    );
    // A server that still knows its first version tells of nothing, which is all that happened here.
    if (!subject.forgetsSoon && events.length === 0) return;
    expect(events).toEqual([
      {
        type: 'ERROR',
        object: expect.objectContaining({
          kind: 'Status',
          code: 410,
          reason: 'Expired',
          message: expect.stringMatching(/^too old resource version: 1 \(\d+\)$/),
        }),
      },
    ]);
  });

  it('is refused what is no version, and a half of what a list by watch needs', async () => {
    const { things } = await subject.space();
    expectRefusal(await subject.get(`${things}?watch=1&resourceVersion=abc`), {
      code: 500,
      reason: '',
      message: 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    });
    expectRefusal(await subject.get(`${things}?watch=1&sendInitialEvents=true`), {
      code: 422,
      reason: 'Invalid',
      message:
        'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    });
  });
});
