// Admission over HTTPS with a real webhook server: patches, refusals, warnings, failure policies, selectors; and what a
// kubelet may do to nodes.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gear, gearsPath, startShop, type TestServer } from '../test-server.ts';
import { startHookServer, type HookServer, type Review } from './hook-server.ts';

let server: TestServer;
let hook: HookServer;
let answer: (review: Review) => Record<string, unknown>;
let seen: Review[];

beforeAll(async () => {
  server = await startShop();
  hook = await startHookServer(server.pki, (review) => answer(review));
  ({ seen } = hook);
});
afterAll(async () => {
  await server.stop();
  await hook.stop();
});
beforeEach(async () => {
  seen.length = 0;
  answer = () => ({ allowed: true });
  for (const kind of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
    await server.delete(`/apis/admissionregistration.k8s.io/v1/${kind}`);
  }
});

async function install(kind: 'Mutating' | 'Validating', more: Record<string, unknown> = {}): Promise<void> {
  const { status, text } = await server.post(
    `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`,
    {
      metadata: { name: 'hooks' },
      webhooks: [
        {
          name: 'hook.test.dev',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          clientConfig: hook.clientConfig('/hook'),
          rules: [{ operations: ['*'], apiGroups: ['test.dev'], apiVersions: ['*'], resources: ['gears'] }],
          ...more,
        },
      ],
    },
  );
  if (status !== 201) throw new Error(text);
}

describe('a mutating webhook', () => {
  it('changes the object by its patch, after which defaults and validation follow', async () => {
    await install('Mutating');
    const patch = [
      { op: 'replace', path: '/spec/teeth', value: 77 },
      { op: 'add', path: '/spec/unknown', value: 1 },
    ];
    answer = () => ({
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    });
    const { status, body } = await server.post(gearsPath, gear('mutated'));
    expect(status).toBe(201);
    expect(body['spec']).toEqual({ teeth: 77, mode: 'Slow', replicas: 1 });
    expect(seen[0]?.request).toMatchObject({
      operation: 'CREATE',
      kind: { kind: 'Gear' },
      object: { metadata: { name: 'mutated' } },
      oldObject: null,
      userInfo: { username: 'lab-admin' },
    });
  });
});

describe('a validating webhook', () => {
  it('refuses with its own code and words', async () => {
    await install('Validating');
    answer = () => ({ allowed: false, status: { code: 429, message: 'not now', reason: 'TooManyRequests' } });
    const { status, body } = await server.post(gearsPath, gear('refused'));
    expect(status).toBe(429);
    expect(body).toMatchObject({
      message: 'admission webhook "hook.test.dev" denied the request: not now',
      reason: 'TooManyRequests',
    });
    expect((await server.get(`${gearsPath}/refused`)).status).toBe(404);
  });

  it('sees old and new of an update, and the old of a deletion', async () => {
    await server.post(gearsPath, gear('watched'));
    await install('Validating');
    await server.patch(`${gearsPath}/watched`, 'merge', { spec: { teeth: 9 } });
    await server.delete(`${gearsPath}/watched`);
    expect(seen.map(({ request }) => request.operation)).toEqual(['UPDATE', 'DELETE']);
    expect(seen[0]?.request).toMatchObject({ object: { spec: { teeth: 9 } }, oldObject: { spec: { teeth: 8 } } });
    expect(seen[1]?.request).toMatchObject({ object: null, oldObject: { spec: { teeth: 9 } } });
  });

  it('passes warnings to the client', async () => {
    await install('Validating');
    answer = () => ({ allowed: true, warnings: ['mind the teeth'] });
    const { headers } = await server.post(gearsPath, gear('warned'));
    expect(headers['warning']).toBe('299 - "mind the teeth"');
  });

  it('takes part in an eviction before anything else does', async () => {
    await server.post('/api/v1/namespaces/shop/pods', {
      metadata: { name: 'p' },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    });
    await install('Validating', {
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/eviction'] }],
    });
    answer = () => ({ allowed: false, status: { code: 429, message: 'moving it myself' } });
    const { status, body } = await server.post('/api/v1/namespaces/shop/pods/p/eviction', { metadata: { name: 'p' } });
    expect(status).toBe(429);
    expect(body.message).toContain('moving it myself');
    expect(seen[0]?.request).toMatchObject({
      subResource: 'eviction',
      kind: { kind: 'Eviction' },
      object: { metadata: { name: 'p' } },
    });
    expect((await server.get('/api/v1/namespaces/shop/pods/p')).metadata.deletionTimestamp).toBeUndefined();
  });

  it('is not asked about what its rules and selectors leave out', async () => {
    await install('Validating', { objectSelector: { matchLabels: { watched: 'yes' } } });
    await server.post(gearsPath, gear('unlabelled'));
    await server.post('/api/v1/namespaces/shop/configmaps', {
      metadata: { name: 'other', labels: { watched: 'yes' } },
    });
    expect(seen).toEqual([]);
    await server.post(gearsPath, gear('labelled', {}, { labels: { watched: 'yes' } }));
    expect(seen).toHaveLength(1);
  });

  it('by namespace is asked about labelled namespaces only', async () => {
    await install('Validating', { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'elsewhere' } } });
    await server.post(gearsPath, gear('here'));
    expect(seen).toEqual([]);
  });

  it('that cannot be reached refuses, or is passed over, as its policy says', async () => {
    await install('Validating', { clientConfig: { url: 'https://127.0.0.1:1/hook' } });
    const { status, body } = await server.post(gearsPath, gear('unreached'));
    expect(status).toBe(500);
    expect(body.message).toContain(
      'Internal error occurred: failed calling webhook "hook.test.dev": failed to call webhook:',
    );
    await server.delete('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations');
    await install('Validating', { clientConfig: { url: 'https://127.0.0.1:1/hook' }, failurePolicy: 'Ignore' });
    expect((await server.post(gearsPath, gear('unreached'))).status).toBe(201);
  });

  it('with side effects has no place in a dry run', async () => {
    await install('Validating', { sideEffects: 'Some' });
    const { status, body } = await server.post(`${gearsPath}?dryRun=All`, gear('rehearsed'));
    expect(status).toBe(400);
    expect(body.message).toBe('admission webhook "hook.test.dev" does not support dry run');
  });

  it('behind a service is found by the service', async () => {
    await server.post('/api/v1/namespaces/shop/services', {
      metadata: { name: 'hook' },
      spec: { type: 'ExternalName', externalName: '127.0.0.1', ports: [{ port: 443, targetPort: hook.port }] },
    });
    await install('Validating', {
      clientConfig: {
        service: { namespace: 'shop', name: 'hook', path: '/hook' },
        caBundle: Buffer.from(server.pki.caPem).toString('base64'),
      },
    });
    expect((await server.post(gearsPath, gear('by-service'))).status).toBe(201);
    expect(seen).toHaveLength(1);
  });
});

describe('a kubelet', () => {
  it('gets a not-ready taint on its new node, and may not approve itself', async () => {
    await server.post('/api/v1/nodes', { metadata: { name: 'pc-1' } });
    const { body } = await server.get('/api/v1/nodes/pc-1');
    expect(body['spec']).toEqual({ taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] });
    const label = (key: string) =>
      server.ask('PATCH', '/api/v1/nodes/pc-1', {
        as: 'pc-1',
        type: 'application/merge-patch+json',
        body: { metadata: { labels: { [key]: 'true' } } },
      });
    const refused = await label('node-restriction.kubernetes.io/approved');
    expect(refused.status).toBe(403);
    expect(refused.body.message).toContain('is not allowed to modify labels: node-restriction.kubernetes.io/approved');
    expect((await label('test.dev/own')).status).toBe(200);
  });
});
