// Which tokens of service accounts a kubelet may ask for, and what a pod's token says.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer, type TestAnswer } from '../test-server.ts';

const accounts = '/api/v1/namespaces/apps/serviceaccounts';
const pods = '/api/v1/namespaces/apps/pods';
const uids = new Map<string, string>();
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces', { metadata: { name: 'apps' } });
  for (const name of ['default', 'web']) await server.post(accounts, { metadata: { name } });
  for (const name of ['pc-1', 'pc-2']) {
    await server.post('/api/v1/nodes', { metadata: { name } });
    const spec = { nodeName: name, serviceAccountName: 'web', containers: [{ name: 'c', image: 'i' }] };
    const { metadata } = await server.post(pods, { metadata: { name: `on-${name}` }, spec });
    uids.set(`on-${name}`, metadata.uid ?? '');
  }
});
afterAll(() => server.stop());

function ask(boundObjectRef?: object): Promise<TestAnswer> {
  const spec = { audiences: [], ...(boundObjectRef === undefined ? {} : { boundObjectRef }) };
  return server.ask('POST', `${accounts}/web/token`, { as: 'pc-1', body: { spec } });
}
const bound = (pod: string, uid = uids.get(pod)): object => ({ apiVersion: 'v1', kind: 'Pod', name: pod, uid });

describe('the kubelet of pc-1', () => {
  it('is given the token of a pod that runs on it, which says so', async () => {
    const { status, body } = await ask(bound('on-pc-1'));
    expect(status).toBe(201);
    const { token } = body['status'] as { token: string };
    const { body: review } = await server.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } });
    expect(review['status']).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:serviceaccount:apps:web',
        extra: {
          'authentication.kubernetes.io/pod-name': ['on-pc-1'],
          'authentication.kubernetes.io/node-name': ['pc-1'],
        },
      },
    });
  });

  it.each<[string, () => Promise<TestAnswer>, string]>([
    ['that is bound to nothing', () => ask(), 'not bound to a pod'],
    ['that is bound to its Node', () => ask({ apiVersion: 'v1', kind: 'Node', name: 'pc-1' }), 'not bound to a pod'],
    ['of a pod without its uid', () => ask(bound('on-pc-1', '')), 'with a pod binding without a uid'],
    ['of a pod of another machine', () => ask(bound('on-pc-2')), 'bound to a pod scheduled on a different node'],
  ])('is refused a token %s', async (_what, attempt, told) => {
    const { body } = await attempt();
    expect(body).toMatchObject({ code: 403, message: expect.stringContaining(`node requested token ${told}`) });
  });
});
