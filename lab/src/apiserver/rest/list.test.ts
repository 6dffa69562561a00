// Reading one object and many over HTTPS: selectors, pages, resourceVersions, tables, and what is not there.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gear, gearsPath, startShop, type TestAnswer, type TestServer } from '../test-server.ts';

const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
let server: TestServer;

beforeAll(async () => {
  server = await startShop();
  for (let i = 0; i < 5; i += 1) {
    await server.post(
      gearsPath,
      gear(`g${i}`, { mode: i % 2 === 0 ? 'Slow' : 'Fast' }, { labels: { n: String(i), set: 'l' } }),
    );
  }
  await server.post(gearsPath, gear('plain'));
  await server.post('/api/v1/namespaces', { metadata: { name: 'other' } });
  await server.post('/apis/test.dev/v1/namespaces/other/gears', gear('far', {}, { labels: { set: 'l' } }));
});
afterAll(() => server.stop());

const names = (answer: TestAnswer): (string | undefined)[] =>
  (answer.body.items ?? []).map((item) => item.metadata?.name);
const select = (query: string): Promise<TestAnswer> => server.get(`${gearsPath}?${query}`);

describe('a list', () => {
  const labels: [string, string[]][] = [
    ['set=l', ['g0', 'g1', 'g2', 'g3', 'g4']],
    ['n in (1,2)', ['g1', 'g2']],
    ['n notin (0,1,2,3),n', ['g4']],
    ['!n', ['plain']],
    ['n!=0,set==l', ['g1', 'g2', 'g3', 'g4']],
    ['n>2', ['g3', 'g4']],
  ];
  it.each(labels)('selects by label %s', async (selector, expected) => {
    expect(names(await select(`labelSelector=${encodeURIComponent(selector)}`))).toEqual(expected);
  });

  const fields: [string, string[]][] = [
    ['metadata.name=g1', ['g1']],
    ['spec.mode=Fast', ['g1', 'g3']],
    ['spec.mode!=Slow,metadata.namespace=shop', ['g1', 'g3']],
  ];
  it.each(fields)('selects by field %s', async (selector, expected) => {
    expect(names(await select(`fieldSelector=${encodeURIComponent(selector)}`))).toEqual(expected);
  });

  const refused: [string, number, string][] = [
    ['labelSelector=a%20b%20c', 400, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['fieldSelector=spec.teeth%3D8', 400, 'field label not supported: spec.teeth'],
    ['limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      'resourceVersion=abc',
      400,
      'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    ],
  ];
  it.each(refused)('refuses %s', async (query, status, message) => {
    const answer = await select(query);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toBe(message);
  });

  it('comes in pages of one state, whatever happens in between', async () => {
    const first = await select('limit=4');
    expect(first.metadata).toMatchObject({ remainingItemCount: 2 });
    await server.post(gearsPath, gear('zz-late'));
    await server.delete(`${gearsPath}/plain`);
    const second = await select(`limit=4&continue=${String(first.metadata['continue'])}`);
    expect([...names(first), ...names(second)]).toEqual(['g0', 'g1', 'g2', 'g3', 'g4', 'plain']);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect(second.metadata['continue']).toBe('');
    await server.delete(`${gearsPath}/zz-late`);
    await server.post(gearsPath, gear('plain'));
  });

  it('spans all namespaces without one in the path', async () => {
    const answer = await server.get('/apis/test.dev/v1/gears?labelSelector=set%3Dl');
    expect(answer.body.items?.map((item) => `${item.metadata?.namespace}/${item.metadata?.name}`)).toContain(
      'other/far',
    );
    expect(names(answer)).toHaveLength(6);
  });

  it('of a namespace that is not there is empty', async () => {
    const answer = await server.get('/apis/test.dev/v1/namespaces/nope/gears');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ kind: 'GearList', items: [] });
  });

  it('at an exact resourceVersion shows that state', async () => {
    const before = await select('limit=1');
    await server.post(gearsPath, gear('newer'));
    const version = String(before.metadata.resourceVersion);
    expect(names(await select(`resourceVersion=${version}&resourceVersionMatch=Exact`))).not.toContain('newer');
    expect(names(await select(`resourceVersion=${version}&resourceVersionMatch=NotOlderThan`))).toContain('newer');
    await server.delete(`${gearsPath}/newer`);
  });

  it('waits three seconds for a resourceVersion of the future, then gives up', async () => {
    const began = performance.now();
    const { status, headers, body } = await select('resourceVersion=999999999');
    expect(performance.now() - began).toBeGreaterThan(2900);
    expect(status).toBe(504);
    expect(headers['retry-after']).toBe('1');
    expect(body.message).toMatch(/^Timeout: Too large resource version: 999999999, current: \d+$/);
  });

  it('has kind and apiVersion in the items of custom kinds only', async () => {
    const custom = await select('limit=1');
    expect(custom.body.items?.[0]).toMatchObject({ kind: 'Gear', apiVersion: 'test.dev/v1' });
    const builtin = await server.get('/api/v1/namespaces?limit=1');
    expect(builtin.body.items?.[0]?.kind).toBeUndefined();
  });
});

describe('a compacted resourceVersion', () => {
  it('is answered 410', async () => {
    const small = await startShop({ watchHistory: 20 });
    try {
      for (const name of ['a', 'b']) await small.post(gearsPath, gear(name));
      const first = await small.get(`${gearsPath}?limit=1`);
      for (let i = 0; i < 60; i += 1) await small.post(gearsPath, gear(`c${i}`));
      const exact = await small.get(`${gearsPath}?resourceVersion=1&resourceVersionMatch=Exact`);
      expect(exact.status).toBe(410);
      expect(exact.body.reason).toBe('Expired');
      const next = await small.get(`${gearsPath}?limit=1&continue=${String(first.metadata['continue'])}`);
      expect(next.status).toBe(410);
    } finally {
      await small.stop();
    }
  });
});

describe('a table', () => {
  it('has the name, the columns of the kind and one row per object', async () => {
    const { body } = await server.get(`${gearsPath}?labelSelector=n%3D1`, { accept: tableType });
    expect(body).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    expect((body['columnDefinitions'] as { name: string }[]).map((column) => column.name)).toEqual(['Name', 'Mode']);
    expect(body['rows']).toEqual([
      { cells: ['g1', 'Fast'], object: expect.objectContaining({ kind: 'PartialObjectMetadata' }) },
    ]);
  });

  it('carries no object, or the whole one, as asked', async () => {
    const none = await server.get(`${gearsPath}/g1?includeObject=None`, { accept: tableType });
    expect((none.body['rows'] as { object: unknown }[])[0]?.object).toBeNull();
    const whole = await server.get(`${gearsPath}/g1?includeObject=Object`, { accept: tableType });
    expect((whole.body['rows'] as { object: unknown }[])[0]?.object).toMatchObject({
      kind: 'Gear',
      spec: { teeth: 8 },
    });
  });

  it('gives way to metadata alone', async () => {
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const { body } = await server.get(`${gearsPath}?labelSelector=n%3D1`, { accept });
    expect(body.kind).toBe('PartialObjectMetadataList');
    expect(Object.keys(body.items?.[0] ?? {})).toEqual(['kind', 'apiVersion', 'metadata']);
  });

  it('is not made for a client that takes nothing of ours', async () => {
    expect((await server.get(`${gearsPath}/g1`, { accept: 'text/html' })).status).toBe(406);
  });
});

describe('what is not served', () => {
  const cases: [string, string, number][] = [
    ['GET', '/apis/test.dev/v1/namespaces/shop/wheels', 404],
    ['GET', '/apis/nope.dev/v1/things', 404],
    ['GET', `${gearsPath}/g1/nope`, 404],
    ['GET', '/api/v1/namespaces/shop/nodes', 404],
    ['POST', `${gearsPath}/g1/status`, 405],
    ['DELETE', '/api/v1/namespaces', 405],
    ['GET', '/nothing/here', 404],
  ];
  it.each(cases)('%s %s is answered as Kubernetes does', async (method, path, status) => {
    expect((await server.ask(method, path)).status).toBe(status);
  });

  it('is 403 to one who may not even ask', async () => {
    const answer = await server.ask('GET', '/apis/test.dev/v1/namespaces/shop/wheels', { as: 'alice' });
    expect(answer.status).toBe(403);
    expect(answer.body.message).toBe(
      'wheels.test.dev is forbidden: User "alice" cannot list resource "wheels" in API group "test.dev" in the namespace "shop"',
    );
  });

  it('is 401 to a wrong token and 403 to none', async () => {
    expect((await server.ask('GET', gearsPath, { as: 'wrong' })).status).toBe(401);
    expect((await server.ask('GET', gearsPath, { as: '' })).body.message).toContain(
      'User "system:anonymous" cannot list',
    );
  });
});
