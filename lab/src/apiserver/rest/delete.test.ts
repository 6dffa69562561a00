// Deleting over HTTPS: preconditions, finalizers, grace, propagation, collections, namespaces and definitions.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, gear, gearDefinition, gearsPath, startShop, type TestServer } from '../test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

const podsPath = '/api/v1/namespaces/shop/pods';
const pod = (name: string, spec: Record<string, unknown> = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

describe('deleting an object', () => {
  it('answers a Success with name, group, kind and uid', async () => {
    const { metadata } = await server.post(gearsPath, gear('simple'));
    const { status, body } = await server.delete(`${gearsPath}/simple`);
    expect(status).toBe(200);
    expect(body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'simple', group: 'test.dev', kind: 'gears', uid: metadata.uid },
    });
    expect((await server.get(`${gearsPath}/simple`)).status).toBe(404);
  });

  it('that is not there is 404', async () => {
    expect((await server.delete(`${gearsPath}/nothing`)).body.message).toBe('gears.test.dev "nothing" not found');
  });

  it('is refused when the uid is another', async () => {
    const { metadata } = await server.post(gearsPath, gear('precious'));
    const { status, body } = await server.delete(`${gearsPath}/precious`, {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid: 'other' },
    });
    expect(status).toBe(409);
    expect(body.message).toBe(
      `Operation cannot be fulfilled on Gear.test.dev "precious": the UID in the precondition (other) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  });

  it('only pretends when it is a dry run', async () => {
    await server.post(gearsPath, gear('staying'));
    expect((await server.delete(`${gearsPath}/staying?dryRun=All`)).body['status']).toBe('Success');
    expect((await server.get(`${gearsPath}/staying`)).status).toBe(200);
  });

  it('waits for the finalizers, takes no new one, and goes with the last', async () => {
    await server.post(gearsPath, gear('held', {}, { finalizers: ['test.dev/guard'] }));
    const marked = await server.delete(`${gearsPath}/held`);
    expect(marked.metadata).toMatchObject({
      deletionGracePeriodSeconds: 0,
      generation: 2,
      finalizers: ['test.dev/guard'],
    });
    const again = await server.delete(`${gearsPath}/held`);
    expect(again.metadata.resourceVersion).toBe(marked.metadata.resourceVersion);
    const added = await server.patch(`${gearsPath}/held`, 'merge', {
      metadata: { finalizers: ['test.dev/guard', 'test.dev/more'] },
    });
    expect(added.status).toBe(422);
    expect(added.body.message).toContain('no new finalizers can be added if the object is being deleted');
    const released = await server.patch(`${gearsPath}/held`, 'merge', { metadata: { finalizers: null } });
    expect(released.status).toBe(200);
    expect((await server.get(`${gearsPath}/held`)).status).toBe(404);
  });

  const policies: [string, string][] = [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ];
  it.each(policies)('with propagation %s leaves the finalizer %s for the collector', async (policy, finalizer) => {
    const name = policy.toLowerCase();
    await server.post(gearsPath, gear(name));
    const { metadata } = await server.delete(`${gearsPath}/${name}?propagationPolicy=${policy}`);
    expect(metadata.finalizers).toEqual([finalizer]);
    expect(metadata.deletionTimestamp).toBeDefined();
  });
});

describe('deleting a collection', () => {
  it('takes what the selector names and answers it', async () => {
    for (const name of ['x1', 'x2']) await server.post(gearsPath, gear(name, {}, { labels: { set: 'x' } }));
    await server.post(gearsPath, gear('y1', {}, { labels: { set: 'y' } }));
    const { status, body } = await server.delete(`${gearsPath}?labelSelector=set%3Dx`);
    expect(status).toBe(200);
    expect(body.items?.map((item) => item.metadata?.name)).toEqual(['x1', 'x2']);
    expect((await server.get(`${gearsPath}/x1`)).status).toBe(404);
    expect((await server.get(`${gearsPath}/y1`)).status).toBe(200);
  });
});

describe('deleting a pod', () => {
  it('that no node runs is done at once', async () => {
    await server.post(podsPath, pod('loose'));
    expect((await server.delete(`${podsPath}/loose`)).body.kind).toBe('Pod');
    expect((await server.get(`${podsPath}/loose`)).status).toBe(404);
  });

  it('on a node gives it its grace, which only shortens, and ends with grace 0', async () => {
    await server.post(podsPath, pod('bound', { nodeName: 'n', terminationGracePeriodSeconds: 40 }));
    const first = await server.delete(`${podsPath}/bound`);
    expect(first.metadata.deletionGracePeriodSeconds).toBe(40);
    const longer = await server.delete(`${podsPath}/bound?gracePeriodSeconds=90`);
    expect(longer.metadata.deletionGracePeriodSeconds).toBe(40);
    const shorter = await server.delete(`${podsPath}/bound`, {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      gracePeriodSeconds: 5,
    });
    expect(shorter.metadata.deletionGracePeriodSeconds).toBe(5);
    expect(Date.parse(shorter.metadata.deletionTimestamp ?? '')).toBeLessThan(
      Date.parse(first.metadata.deletionTimestamp ?? ''),
    );
    await server.delete(`${podsPath}/bound?gracePeriodSeconds=0`);
    expect((await server.get(`${podsPath}/bound`)).status).toBe(404);
  });

  it('that has ended needs no grace', async () => {
    await server.post(podsPath, pod('ended', { nodeName: 'n' }));
    await server.patch(`${podsPath}/ended/status`, 'merge', { status: { phase: 'Succeeded' } });
    await server.delete(`${podsPath}/ended`);
    expect((await server.get(`${podsPath}/ended`)).status).toBe(404);
  });
});

describe('deleting a namespace', () => {
  it('marks it, refuses new content, and ends when it is finalized', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'brief' } });
    const marked = await server.delete('/api/v1/namespaces/brief');
    expect(marked.body['status']).toEqual({ phase: 'Terminating' });
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    const refused = await server.post('/api/v1/namespaces/brief/configmaps', { metadata: { name: 'late' } });
    expect(refused.status).toBe(403);
    expect(refused.body.message).toBe(
      'configmaps "late" is forbidden: unable to create new content in namespace brief because it is being terminated',
    );
    const { body } = await server.get('/api/v1/namespaces/brief');
    await server.put('/api/v1/namespaces/brief/finalize', { ...body, spec: { finalizers: [] } });
    expect((await server.get('/api/v1/namespaces/brief')).status).toBe(404);
  });

  it('is refused for those that the cluster needs', async () => {
    const { status, body } = await server.delete('/api/v1/namespaces/kube-system');
    expect(status).toBe(403);
    expect(body.message).toBe('namespaces "kube-system" is forbidden: this namespace may not be deleted');
  });
});

describe('deleting a definition', () => {
  it('takes its objects along, waits for the one that is held, and then stops serving the kind', async () => {
    const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.test.dev';
    await server.post(gearsPath, gear('last', {}, { finalizers: ['test.dev/guard'] }));
    await server.delete(definition);
    await eventually(
      () => server.get(`${gearsPath}/last`),
      (answer) => answer.metadata.deletionTimestamp !== undefined,
    );
    expect((await server.get(definition)).metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    for (const name of ['last', 'foreground', 'orphan']) {
      await server.patch(`${gearsPath}/${name}`, 'merge', { metadata: { finalizers: null } });
    }
    await eventually(
      () => server.get(definition),
      (answer) => answer.status === 404,
    );
    const { status, text } = await server.get(gearsPath);
    expect([status, text]).toEqual([404, '404 page not found\n']);
    expect((await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', gearDefinition)).status).toBe(
      201,
    );
  });
});

describe('a definition that is being deleted', () => {
  it('says so, makes nothing new, and goes with the last of its objects', async () => {
    const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.test.dev';
    await server.post(gearsPath, gear('held', {}, { finalizers: ['test.dev/guard'] }));
    const { metadata, body } = await server.delete(definition);
    expect(metadata).toMatchObject({ generation: 1, finalizers: ['customresourcecleanup.apiextensions.k8s.io'] });
    expect(metadata).not.toHaveProperty('deletionGracePeriodSeconds');
    const { conditions } = body['status'] as { conditions: { type: string; status: string; reason: string }[] };
    expect(conditions.at(-1)).toMatchObject({ type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending' });
    const refused = await server.post(gearsPath, gear('late'));
    expect([refused.status, refused.body.message]).toEqual([
      405,
      'create not allowed while custom resource definition is terminating',
    ]);
    await eventually(
      () => server.get(`${gearsPath}/held`),
      (held) => held.metadata.deletionTimestamp !== undefined,
    );
    await server.patch(`${gearsPath}/held`, 'merge', { metadata: { finalizers: null } });
    await eventually(
      () => server.get(definition),
      ({ status }) => status === 404,
    );
    expect((await server.get(gearsPath)).text).toBe('404 page not found\n');
  });
});
