// What somebody can do who took the token of an agent, against the roles and policies as they are installed; and that the agent
// itself can do all it has to.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { offerPatch, type Offer } from '@idlewild/agent/offer/decide.ts';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import { nodes } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { TestServer, type TestAnswer } from '../apiserver/test-server.ts';
import { bootstrap } from '../daemon/bootstrap.ts';

const approved = 'node-restriction.kubernetes.io/idlewild-approved';
const pending = { key: 'idlewild.dev/pending-approval', effect: 'NoSchedule' };
const lost = { key: 'idlewild.dev/lost', effect: 'NoExecute' };
const nodesPath = '/api/v1/nodes';
const leasesPath = '/apis/coordination.k8s.io/v1/namespaces/idlewild-machines/leases';
const account = '/api/v1/namespaces/idlewild-system/serviceaccounts/agent';

let server: TestServer;
let admin: KubeClient;
/** Stolen from pc-1. */
let token = '';

beforeAll(async () => {
  server = await TestServer.start();
  admin = clientOf('admin');
  await bootstrap(admin, join(import.meta.dirname, '../../../crds'));
});
afterAll(async () => {
  await admin.raw.close();
  await server.stop();
});
beforeEach(async () => {
  await server.delete(leasesPath);
  await server.delete(nodesPath);
  for (const name of ['pc-1', 'pc-2']) {
    const metadata = { name, labels: { 'kubernetes.io/hostname': name }, annotations: { 'someone.else/note': 'kept' } };
    await server.post(nodesPath, { metadata, spec: { taints: [pending, lost] } });
  }
  token = await tokenOf('pc-1');
});

function clientOf(by: string): KubeClient {
  return new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: by, userAgent: 'test' }));
}

async function tokenOf(name: string): Promise<string> {
  const { body } = await server.post(`${account}/token`, {
    spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name } },
  });
  return (body['status'] as { token: string }).token;
}

const steal = (method: string, path: string, body?: unknown, type?: string): Promise<TestAnswer> =>
  server.ask(method, path, { as: token, body, ...(type === undefined ? {} : { type }) });
const patch = (path: string, body: unknown) => steal('PATCH', path, body, 'application/merge-patch+json');
const own = `${nodesPath}/pc-1`;

function lease(name: string, holder = `${name}_0123456789abcdef`, spec: object = {}): object {
  return {
    metadata: { name },
    spec: { holderIdentity: holder, leaseDurationSeconds: 10, leaseTransitions: 1, ...spec },
  };
}

describe('somebody with the token of the agent of pc-1', () => {
  it.each<[string, object]>([
    ['another label of its own', { metadata: { labels: { 'example.dev/gpu': 'yes' } } }],
    ['how it lends, which is the admin’s to say', { metadata: { labels: { 'idlewild.dev/lend': 'always' } } }],
    ['its approval', { metadata: { labels: { [approved]: 'true' } } }],
    ['a label away', { metadata: { labels: { 'kubernetes.io/hostname': null } } }],
    ['another annotation', { metadata: { annotations: { 'idlewild.dev/hold': '{}' } } }],
    ['an annotation away', { metadata: { annotations: { 'someone.else/note': null } } }],
    ['its pending approval away', { spec: { taints: [lost] } }],
    ['that it is lost away', { spec: { taints: [pending] } }],
    ['all taints away', { spec: { taints: null } }],
    ['another taint', { spec: { taints: [pending, lost, { key: 'x', effect: 'NoExecute' }] } }],
    [
      'its own taint with another effect',
      { spec: { taints: [pending, lost, { key: 'idlewild.dev/owner-present', effect: 'NoExecute' }] } },
    ],
    ['the spec', { spec: { unschedulable: true } }],
    ['a finalizer', { metadata: { finalizers: ['example.dev/stay'] } }],
    ['an owner', { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'pc-2', uid: 'x' }] } }],
  ])('cannot write %s', async (_what, body) => {
    const before = await server.get(own);
    const refused = await patch(own, body);
    expect(refused.body).toMatchObject({
      code: 403,
      message: expect.stringContaining("ValidatingAdmissionPolicy 'agent-nodes.idlewild.dev'"),
    });
    expect((await server.get(own)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('cannot write what its own agent may on another Node', async () => {
    const refused = await patch(`${nodesPath}/pc-2`, { metadata: { labels: { 'idlewild.dev/pool': 'on' } } });
    expect(refused.body.message).toContain('the agent of pc-1 may write no other Node');
  });

  it.each<[string, string, () => Promise<TestAnswer>]>([
    ['take the Lease of another machine', 'may write no other Lease', () => steal('POST', leasesPath, lease('pc-2'))],
    [
      'hold its Lease in the name of another',
      'in the name of its own machine only',
      () => steal('POST', leasesPath, lease('pc-1', 'pc-2_0')),
    ],
    [
      'make its Lease stay without its Node',
      'belongs to its Node',
      () => steal('POST', leasesPath, { ...lease('pc-1'), metadata: { name: 'pc-1', finalizers: ['a.b/c'] } }),
    ],
  ])('cannot %s', async (_what, told, attempt) => {
    expect((await attempt()).body).toMatchObject({ code: 403, message: expect.stringContaining(told) });
  });

  it('cannot renew the Lease of another machine, nor take back the seal of its own', async () => {
    const theirs = await server.post(leasesPath, lease('pc-2'));
    expect(await steal('PUT', `${leasesPath}/pc-2`, theirs.body)).toMatchObject({ status: 403 });
    const sealed = await server.post(leasesPath, lease('pc-1', 'lost:pc-1_0', { leaseTransitions: 5 }));
    const back = { ...sealed.body, spec: { holderIdentity: 'pc-1_0', leaseTransitions: 4 } };
    expect((await steal('PUT', `${leasesPath}/pc-1`, back)).body.message).toContain("count of a Lease's holders");
  });

  it.each<readonly [string, string, string, object?]>([
    ['read secrets', 'GET', '/api/v1/namespaces/idlewild-system/secrets'],
    ['read the secrets of everybody', 'GET', '/api/v1/secrets'],
    ['read other config maps', 'GET', '/api/v1/namespaces/kube-system/configmaps'],
    ['submit a job', 'POST', '/apis/idlewild.dev/v1alpha1/namespaces/default/computejobs', { metadata: { name: 'j' } }],
    ['start a pod', 'POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: { containers: [] } }],
    ['make a Node', 'POST', nodesPath, { metadata: { name: 'pc-9' } }],
    ['remove its Node', 'DELETE', own],
    ['report for the kubelet', 'PATCH', `${own}/status`, { status: {} }],
    ['write a kubelet’s Lease', 'POST', leasesPath.replace('idlewild-machines', 'kube-node-lease'), lease('pc-1')],
    ['remove its Lease', 'DELETE', `${leasesPath}/pc-1`],
    ['ask for a token of another node', 'POST', `${account}/token`, { spec: {} }],
    ['change the policies', 'DELETE', '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'],
    [
      'grant itself a role',
      'POST',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      { metadata: { name: 'x' } },
    ],
  ])('cannot %s', async (...[, method, path, body]) => {
    expect(
      await steal(method, path, body, method === 'PATCH' ? 'application/merge-patch+json' : undefined),
    ).toMatchObject({ status: 403 });
  });

  it('cannot act as somebody else', async () => {
    for (const user of ['lab-admin', 'system:serviceaccount:idlewild-system:operator']) {
      const answer = await server.ask('GET', '/api/v1/secrets', { as: token, headers: { 'impersonate-user': user } });
      expect(answer.status).toBe(403);
    }
  });

  it('can only renew its Lease while there is one once its machine is revoked, and is nobody once its Node is gone', async () => {
    expect(await steal('POST', leasesPath, lease('pc-1'))).toMatchObject({ status: 201 });
    await server.patch(own, 'merge', { metadata: { labels: { [approved]: 'revoked' } } });
    const refused = await patch(own, { metadata: { labels: { 'idlewild.dev/pool': 'on' } } });
    expect(refused.body.message).toContain('pc-1 is revoked: its agent may write nothing');
    expect(refused.body.message).toContain("ValidatingAdmissionPolicy 'agent-nodes.idlewild.dev'");
    const renewal = await server.get(`${leasesPath}/pc-1`);
    const renewed = { ...(renewal.body['spec'] as object), renewTime: '2026-03-04T10:00:00.000000Z' };
    const kept = await steal('PUT', `${leasesPath}/pc-1`, { ...renewal.body, spec: renewed });
    expect(kept).toMatchObject({ status: 200 });
    expect(
      await steal('PUT', `${leasesPath}/pc-1`, { ...kept.body, spec: { holderIdentity: 'pc-1_1' } }),
    ).toMatchObject({
      status: 403,
    });
    await server.delete(`${leasesPath}/pc-1`);
    expect(await steal('POST', leasesPath, lease('pc-1'))).toMatchObject({ status: 403 });
    const other = await tokenOf('pc-2');
    expect(await server.ask('POST', leasesPath, { as: other, body: lease('pc-2') })).toMatchObject({ status: 201 });
    await server.delete(own);
    expect(await steal('GET', own)).toMatchObject({ status: 401 });
  });

  it('is nobody to a machine of the same name that joins anew', async () => {
    await server.delete(own);
    await server.post(nodesPath, { metadata: { name: 'pc-1' } });
    expect(await steal('GET', own)).toMatchObject({ status: 401 });
    token = await tokenOf('pc-1');
    expect(await steal('GET', own)).toMatchObject({ status: 200 });
  });

  it('can do nothing with a token that is bound to no machine', async () => {
    const { body } = await server.post(`${account}/token`, { spec: {} });
    ({ token } = body['status'] as { token: string });
    const refused = await patch(own, { metadata: { labels: { 'idlewild.dev/pool': 'on' } } });
    expect(refused.body).toMatchObject({ code: 403, message: expect.stringContaining('bound to no node') });
    expect(await steal('POST', leasesPath, lease('pc-1'))).toMatchObject({ status: 403 });
  });
});

describe('a policy that reads other objects', () => {
  it('is asked of Leases of machines alone: until they are read, a server refuses to everybody what it is for', async () => {
    const { body } = await server.get('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies');
    const specs = (body['items'] as { spec: { paramKind?: unknown; matchConstraints: unknown } }[]).map(
      ({ spec }) => spec,
    );
    expect(specs.filter(({ paramKind }) => paramKind !== undefined)).toEqual([
      expect.objectContaining({
        matchConstraints: expect.objectContaining({
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'idlewild-machines' } },
          resourceRules: [expect.objectContaining({ apiGroups: ['coordination.k8s.io'], resources: ['leases'] })],
        }),
      }),
    ]);
  });
});

describe('the agent of pc-1', () => {
  const caps = { cores: 2, memoryMiB: 2048, diskMiB: 1024, graphicsMiB: 0, gpus: 0, room: 'lab-a', dedicated: false };
  const offerOf = (present: boolean): Offer => ({
    caps,
    presence: { present, reason: present ? 'Input' : 'Idle', message: '' },
    since: '2026-03-04T10:00:00.000Z',
    bootedAt: '2026-03-04T09:00:00.000Z',
    fenced: true,
  });

  it('writes its offer, and that its owner comes and goes', async () => {
    const agent = clientOf(token);
    for (const present of [true, false, true]) {
      const node = await agent.get<Node>(nodes, { name: 'pc-1' });
      await agent.mergePatch<Node>(nodes, { name: 'pc-1' }, offerPatch(node, offerOf(present)) as object);
    }
    const { spec, metadata } = await agent.get<Node>(nodes, { name: 'pc-1' });
    const keys = spec?.taints?.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining([pending.key, lost.key, 'idlewild.dev/owner-present']));
    expect(metadata.labels).toMatchObject({ 'idlewild.dev/pool': 'on', 'topology.kubernetes.io/zone': 'lab-a' });
    await agent.raw.close();
  });

  it('makes, renews and, after a seal, takes its Lease again', async () => {
    const { metadata } = await server.get(own);
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'pc-1', uid: metadata.uid };
    const first = { ...lease('pc-1'), metadata: { name: 'pc-1', ownerReferences: [owner] } };
    const made = await steal('POST', leasesPath, first);
    expect(made.status).toBe(201);
    const renewed = {
      ...made.body,
      spec: { ...(made.body['spec'] as object), renewTime: '2026-03-04T10:00:00.000000Z' },
    };
    const stored = (await steal('PUT', `${leasesPath}/pc-1`, renewed)).body as Lease;
    expect(stored.spec?.renewTime).toBe('2026-03-04T10:00:00.000000Z');
    const sealed = { ...stored, spec: { ...stored.spec, holderIdentity: 'lost:x', leaseTransitions: 2 } };
    const seal = await server.put(`${leasesPath}/pc-1`, sealed);
    expect(seal.status).toBe(200);
    expect(await steal('PUT', `${leasesPath}/pc-1`, renewed)).toMatchObject({ status: 409 });
    const anew = {
      ...seal.body,
      spec: { ...sealed.spec, holderIdentity: 'pc-1_fedcba9876543210', leaseTransitions: 3 },
    };
    expect(await steal('PUT', `${leasesPath}/pc-1`, anew)).toMatchObject({ status: 200 });
  });

  it('reads the policy of lending, and who its guests are', async () => {
    const policy = '/api/v1/namespaces/idlewild-system/configmaps/idlewild-policy';
    expect(await steal('GET', policy)).toMatchObject({ status: 404 });
    expect(await steal('GET', `${nodesPath}/pc-2`)).toMatchObject({ status: 200 });
  });
});
