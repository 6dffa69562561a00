// Patching and applying over HTTPS: which patch a kind takes, what conflicts, and what many writers at once come to.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gear, gearsPath, startShop, type TestServer } from '../test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

describe('patching an object', () => {
  it('takes JSON and merge patches', async () => {
    await server.post(gearsPath, gear('patched'));
    const json = await server.patch(`${gearsPath}/patched`, 'json', [
      { op: 'test', path: '/spec/teeth', value: 8 },
      { op: 'replace', path: '/spec/teeth', value: 9 },
    ]);
    expect(json.body['spec']).toMatchObject({ teeth: 9 });
    const merge = await server.patch(`${gearsPath}/patched`, 'merge', { spec: { mode: null } });
    expect(merge.body['spec']).toMatchObject({ teeth: 9, mode: 'Slow' });
  });

  it('answers 422 without a word to a failed test', async () => {
    await server.post(gearsPath, gear('tested'));
    const { status, body } = await server.patch(`${gearsPath}/tested`, 'json', [
      { op: 'test', path: '/spec/teeth', value: 1 },
    ]);
    expect(status).toBe(422);
    expect(body).toMatchObject({
      message: 'the server rejected our request due to an error in our request',
      reason: 'Invalid',
      details: {},
    });
  });

  it('takes strategic merges of built-in kinds only', async () => {
    await server.post(gearsPath, gear('strategic'));
    expect((await server.patch(`${gearsPath}/strategic`, 'strategic-merge', { spec: { teeth: 9 } })).status).toBe(415);
    await server.post('/api/v1/namespaces/shop/configmaps', { metadata: { name: 'strategic' } });
    expect(
      (await server.patch('/api/v1/namespaces/shop/configmaps/strategic', 'strategic-merge', { data: { a: 'b' } }))
        .status,
    ).toBe(200);
  });

  it('is refused on a resourceVersion that is not the present one', async () => {
    await server.post(gearsPath, gear('versioned'));
    const { status } = await server.patch(`${gearsPath}/versioned`, 'merge', {
      metadata: { resourceVersion: '1' },
      spec: { teeth: 9 },
    });
    expect(status).toBe(409);
  });

  it('survives twenty writers at once without a lost update', async () => {
    await server.post(gearsPath, gear('crowded'));
    const writers = Array.from({ length: 20 }, (_, i) =>
      server.patch(`${gearsPath}/crowded`, 'merge', { metadata: { labels: { [`l${i}`]: 'x' } } }),
    );
    await Promise.all(writers);
    expect(Object.keys((await server.get(`${gearsPath}/crowded`)).metadata.labels ?? {})).toHaveLength(20);
  });
});

describe('server-side apply', () => {
  it('creates, keeps its hands off when nothing changed, and conflicts', async () => {
    const path = `${gearsPath}/applied?fieldManager=one`;
    const created = await server.patch(path, 'apply', gear('applied', { parts: [{ name: 'x', count: 2 }] }));
    expect(created.status).toBe(201);
    const again = await server.patch(path, 'apply', gear('applied', { parts: [{ name: 'x', count: 2 }] }));
    expect(again.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    const conflict = await server.patch(
      `${gearsPath}/applied?fieldManager=two`,
      'apply',
      gear('applied', { teeth: 9 }),
    );
    expect(conflict.status).toBe(409);
    expect(conflict.body).toMatchObject({
      message: 'Apply failed with 1 conflict: conflict with "one": .spec.teeth',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.teeth' }] },
    });
    const forced = await server.patch(
      `${gearsPath}/applied?fieldManager=two&force=true`,
      'apply',
      gear('applied', { teeth: 9 }),
    );
    expect(forced.body['spec']).toMatchObject({ teeth: 9, parts: [{ name: 'x', count: 2 }], mode: 'Slow' });
  });

  it('of a status does not create the object', async () => {
    const { status } = await server.patch(`${gearsPath}/nothing/status?fieldManager=x`, 'apply', {
      ...gear('nothing'),
      status: { phase: 'Up' },
    });
    expect(status).toBe(404);
  });

  const refused: [string, string, unknown, number, string][] = [
    [
      'no field manager',
      '',
      gear('r'),
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      'managedFields',
      '?fieldManager=x',
      gear('r', {}, { managedFields: [] }),
      400,
      'metadata.managedFields must be nil',
    ],
    [
      'an unknown field',
      '?fieldManager=x',
      gear('r', { colour: 'red' }),
      500,
      'failed to create typed patch object (shop/r; test.dev/v1, Kind=Gear): .spec.colour: field not declared in schema',
    ],
  ];
  it.each(refused)('is refused for %s', async (_name, query, body, status, message) => {
    const answer = await server.patch(`${gearsPath}/r${query}`, 'apply', body);
    expect(answer.body.message).toBe(message);
    expect(answer.status).toBe(status);
  });

  it('is the only patch that may be forced', async () => {
    await server.post(gearsPath, gear('unforced'));
    const { status, body } = await server.patch(`${gearsPath}/unforced?force=true`, 'merge', { spec: { teeth: 9 } });
    expect(status).toBe(422);
    expect(body.message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
  });
});
