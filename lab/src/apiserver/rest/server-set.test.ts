// What the server adds to objects of its own accord, and whom it says the rest belongs to.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ManagedFieldsEntry } from '../registry/types.ts';
import { startShop, type TestServer } from '../test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

const pods = '/api/v1/namespaces/shop/pods';
const pod = (name: string) => ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } });

function owners(fields: readonly ManagedFieldsEntry[] | undefined): unknown[] {
  return (fields ?? []).map(({ manager, subresource, fieldsV1 }) => [
    manager,
    subresource ?? '',
    Object.keys(fieldsV1),
  ]);
}

describe('ownership of fields', () => {
  it('leaves out what a new namespace got from the server', async () => {
    const { metadata, body } = await server.post('/api/v1/namespaces', { metadata: { name: 'fresh' } });
    expect(body['spec']).toEqual({ finalizers: ['kubernetes'] });
    expect(metadata.managedFields?.map(({ fieldsV1 }) => fieldsV1)).toEqual([
      { 'f:metadata': { 'f:labels': { '.': {}, 'f:kubernetes.io/metadata.name': {} } } },
    ]);
  });

  it("gives the status of a definition to the server, and the rest to its writer's manager", async () => {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.test.dev';
    const { metadata, body } = await server.get(path);
    expect(owners(metadata.managedFields)).toEqual(
      expect.arrayContaining([
        ['kube-apiserver', 'status', ['f:status']],
        ['unknown', '', ['f:spec']],
      ]),
    );
    expect(body['status']).toMatchObject({ acceptedNames: { kind: 'Gear', plural: 'gears' }, storedVersions: ['v1'] });
  });

  it('takes selectors and references as one field each', async () => {
    const budget = await server.post('/apis/policy/v1/namespaces/shop/poddisruptionbudgets', {
      metadata: { name: 'b' },
      spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
    });
    expect(budget.metadata.managedFields?.[0]?.fieldsV1).toEqual({
      'f:spec': { 'f:minAvailable': {}, 'f:selector': {} },
    });
    expect(budget.body['status']).toEqual({
      currentHealthy: 0,
      desiredHealthy: 0,
      disruptionsAllowed: 0,
      expectedPods: 0,
    });
    const binding = await server.post('/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings', {
      metadata: { name: 'b' },
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [{ kind: 'User', name: 'bob' }],
    });
    expect(binding.metadata.managedFields?.[0]?.fieldsV1).toEqual({ 'f:roleRef': {}, 'f:subjects': {} });
  });
});

describe('a status', () => {
  it('of a node has the port of a kubelet, if only none', async () => {
    const { body } = await server.post('/api/v1/nodes', { metadata: { name: 'bare' } });
    expect(body['status']).toEqual({ daemonEndpoints: { kubeletEndpoint: { Port: 0 } } });
    const port = { kubeletEndpoint: { Port: 10250 } };
    const named = await server.post('/api/v1/nodes', { metadata: { name: 'n' }, status: { daemonEndpoints: port } });
    expect(named.body['status']).toEqual({ daemonEndpoints: port });
  });

  it('of a pod lists its address among its addresses', async () => {
    await server.post(pods, pod('addressed'));
    const { body } = await server.patch(`${pods}/addressed/status`, 'merge', { status: { podIP: '10.1.2.3' } });
    expect(body['status']).toMatchObject({ podIP: '10.1.2.3', podIPs: [{ ip: '10.1.2.3' }] });
  });
});

describe('the generation of a built-in kind', () => {
  it('does not move with the status, in whatever order its writer sends the members', async () => {
    const path = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';
    const { body } = await server.post(path, {
      metadata: { name: 'counted' },
      spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
    });
    const { status, spec, metadata } = body;
    const next = {
      status: { ...(status as object), disruptionsAllowed: 1 },
      spec: { selector: (spec as { selector: unknown }).selector, minAvailable: 1 },
      apiVersion: 'policy/v1',
      metadata,
      kind: 'PodDisruptionBudget',
    };
    const written = await server.put(`${path}/counted/status`, next);
    expect([written.metadata.generation, written.body['status']]).toEqual([
      1,
      expect.objectContaining({ disruptionsAllowed: 1 }),
    ]);
    const moved = await server.patch(`${path}/counted`, 'merge', { spec: { minAvailable: 2 } });
    expect(moved.metadata.generation).toBe(2);
  });
});

describe('the first pod of a namespace', () => {
  it('waits for the default service account, and is refused if that does not come', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'late' } });
    const path = '/api/v1/namespaces/late';
    const [made] = await Promise.all([
      server.post(`${path}/pods`, pod('early')),
      server.post(`${path}/serviceaccounts`, { metadata: { name: 'default' } }),
    ]);
    expect(made.status).toBe(201);
    await server.delete(`${path}/serviceaccounts/default`);
    const refused = await server.post(`${path}/pods`, pod('orphan'));
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'pods "orphan" is forbidden: error looking up service account late/default: serviceaccount "default" not found',
    ]);
  });
});

describe('an event that is incomplete', () => {
  it('is refused under the name of its older form', async () => {
    const { status, body } = await server.post('/apis/events.k8s.io/v1/namespaces/shop/events', {
      metadata: { name: 'e' },
      reason: 'Nothing',
    });
    expect([status, body.message]).toEqual([
      422,
      'Event "e" is invalid: [involvedObject.namespace: Invalid value: "": does not match event.namespace, eventTime: Required value, type: Invalid value: "": has invalid value: ]',
    ]);
  });
});

describe('an empty list or map', () => {
  it('of a built-in object is the same as none', async () => {
    const made = await server.post('/api/v1/nodes', { metadata: { name: 'plain' } });
    expect(made.body['spec']).toHaveProperty('taints');
    const { body } = await server.patch('/api/v1/nodes/plain', 'merge', { spec: { taints: [] } });
    expect(body['spec']).not.toHaveProperty('taints');
    const given = {
      metadata: { name: 'spare' },
      spec: {
        nodeSelector: {},
        tolerations: [],
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', image: 'i', env: [] }],
      },
    };
    const spare = (await server.post(pods, given)).body['spec'] as Record<string, unknown>;
    expect(Object.keys(spare)).not.toContain('nodeSelector');
    expect(spare['volumes']).toEqual([{ name: 'v', emptyDir: {} }]);
    expect((spare['containers'] as object[])[0]).not.toHaveProperty('env');
  });

  it('of a custom object stays as it was given', async () => {
    const gears = '/apis/test.dev/v1/namespaces/shop/gears';
    const { body } = await server.post(gears, { metadata: { name: 'g' }, spec: { teeth: 1, parts: [] } });
    expect(body['spec']).toMatchObject({ parts: [] });
  });
});
