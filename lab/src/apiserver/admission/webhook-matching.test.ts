// Which webhooks are asked, in which version and how often: match conditions, equivalent versions, reinvocation.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, gear, gearDefinition, gearsPath, startShop, type TestServer } from '../test-server.ts';
import { patching, startHookServer, type HookServer, type Review } from './hook-server.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const newerPath = gearsPath.replace('/v1/', '/v2/');

let server: TestServer;
let hook: HookServer;
let answer: (review: Review, path: string) => Record<string, unknown>;

beforeAll(async () => {
  server = await startShop();
  const [version] = gearDefinition.spec.versions;
  const versions = [version, { ...version, name: 'v2', storage: false }];
  await server.patch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.test.dev', 'merge', {
    spec: { versions },
  });
  await eventually(
    () => server.get(newerPath),
    ({ status }) => status === 200,
  );
  hook = await startHookServer(server.pki, (review, path) => answer(review, path));
});
afterAll(async () => {
  await server.stop();
  await hook.stop();
});
beforeEach(async () => {
  hook.seen.length = 0;
  answer = () => ({ allowed: true });
  for (const kind of ['mutating', 'validating']) await server.delete(`${group}/${kind}webhookconfigurations`);
});

function webhook(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: `${name}.test.dev`,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    clientConfig: hook.clientConfig(`/${name}`),
    rules: [{ operations: ['*'], apiGroups: ['test.dev'], apiVersions: ['v1'], resources: ['gears'] }],
    ...more,
  };
}

async function install(kind: 'mutating' | 'validating', ...webhooks: unknown[]) {
  return server.post(`${group}/${kind}webhookconfigurations`, { metadata: { name: 'hooks' }, webhooks });
}

const condition = (expression: string) => ({ matchConditions: [{ name: 'only', expression }] });
const newer = (name: string) => ({ ...gear(name), apiVersion: 'test.dev/v2' });
const asked = () => hook.seen.map(({ request }) => request.object?.metadata?.name);

describe('a match condition', () => {
  it('asks the hook for the objects and requests that it is true of', async () => {
    const expression =
      "object.spec.teeth > 10 && request.operation == 'CREATE' && !('system:nodes' in request.userInfo.groups)";
    await install('validating', webhook('large', condition(expression)));
    await server.post(gearsPath, gear('small', { teeth: 8 }));
    await server.post(gearsPath, gear('large', { teeth: 80 }));
    await server.patch(`${gearsPath}/large`, 'merge', { spec: { teeth: 81 } });
    expect(asked()).toEqual(['large']);
  });

  it('that cannot be evaluated refuses, or passes the hook over, as its policy says', async () => {
    const unsure = condition("object.metadata.labels['missing'] == 'x'");
    await install('validating', webhook('unsure', unsure));
    const refused = await server.post(gearsPath, gear('refused'));
    expect([refused.status, refused.body.message]).toEqual([
      500,
      expect.stringMatching(/failed calling webhook "unsure.test.dev": match condition "only": /),
    ]);
    await server.delete(`${group}/validatingwebhookconfigurations`);
    await install('validating', webhook('unsure', { ...unsure, failurePolicy: 'Ignore' }));
    expect((await server.post(gearsPath, gear('passed'))).status).toBe(201);
    expect(asked()).toEqual([]);
  });

  it.each(['object.spec.teeth >', 'authorizer.group("").check("get").allowed()'])(
    'that does not compile is refused: %s',
    async (expression) => {
      const { status, body } = await install('validating', webhook('broken', condition(expression)));
      expect([status, body.message]).toEqual([
        422,
        expect.stringMatching(/webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: .* compilation failed/),
      ]);
    },
  );
});

describe('a hook for one version of a kind', () => {
  it('sees objects of the other in its own, and its patch reaches them', async () => {
    answer = () => patching({ op: 'add', path: '/metadata/labels', value: { seen: 'yes' } });
    await install('mutating', webhook('older'));
    const { status, body } = await server.post(newerPath, newer('converted'));
    expect([status, body.apiVersion, body.metadata?.labels]).toEqual([201, 'test.dev/v2', { seen: 'yes' }]);
    expect(hook.seen[0]?.request).toMatchObject({
      kind: { version: 'v1' },
      requestKind: { version: 'v2' },
      object: { apiVersion: 'test.dev/v1' },
    });
  });

  it('is not asked about the other when it wants exact matches', async () => {
    await install('validating', webhook('exact', { matchPolicy: 'Exact' }));
    await server.post(newerPath, newer('unseen'));
    await server.post(gearsPath, gear('seen'));
    expect(asked()).toEqual(['seen']);
  });
});

describe('a mutating hook that wishes to be asked again', () => {
  const label = (name: string) => ({ op: 'add', path: `/metadata/labels/${name}`, value: 'x' });

  it('is, once, after a later one changed the object', async () => {
    const paths: string[] = [];
    answer = (_review, path) => {
      paths.push(path);
      return path === '/last' ? patching(label('last')) : { allowed: true };
    };
    const reinvoked = { reinvocationPolicy: 'IfNeeded' };
    await install('mutating', webhook('first', reinvoked), webhook('second'), webhook('last', reinvoked));
    const { metadata } = await server.post(gearsPath, gear('again', {}, { labels: { own: 'x' } }));
    expect(metadata.labels).toEqual({ own: 'x', last: 'x' });
    expect(paths).toEqual(['/first', '/second', '/last', '/first']);
    expect(hook.seen.at(-1)?.request.object?.metadata?.labels).toEqual({ own: 'x', last: 'x' });
  });
});
