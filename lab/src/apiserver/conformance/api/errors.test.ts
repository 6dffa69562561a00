// Refusals that every client meets sooner or later: the code, the reason and what is said.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { expectRefusal, type Refusal } from './refusals.ts';
import { Subject, type Asking, type Space } from './subject.ts';
import { configMap, pod, thing } from './thing.ts';

jest.setTimeout(120_000);

let subject: Subject;
beforeAll(async () => {
  subject = await Subject.open();
  await subject.define();
});
afterAll(() => subject.close());

interface Case extends Refusal {
  readonly what: string;
  readonly method: string;
  readonly path: (space: Space) => string;
  readonly body?: unknown;
  readonly asking?: Asking;
}
const things = (space: Space) => space.things;
const maps = (space: Space) => space.configMaps;
const a = (space: Space) => `${space.things}/a`;
const mapA = (space: Space) => `${space.configMaps}/a`;
const of = (name: string, spec?: Record<string, unknown>, metadata?: Record<string, unknown>) => () =>
  thing(subject.group, name, spec, metadata);
const stale = 'the object has been modified; please apply your changes to the latest version and try again';

describe('a refusal', () => {
  /** Each finds a thing and a config map `a` in a namespace of its own. */
  it.each<Case>([
    {
      what: 'an object that is not there',
      method: 'GET',
      path: (s) => `${s.things}/nope`,
      code: 404,
      reason: 'NotFound',
      message: /^things\.\S+ "nope" not found$/,
    },
    {
      what: 'a core object that is not there',
      method: 'GET',
      path: (s) => `${s.configMaps}/nope`,
      code: 404,
      reason: 'NotFound',
      message: /^configmaps "nope" not found$/,
    },
    {
      what: 'deleting what is not there',
      method: 'DELETE',
      path: (s) => `${s.things}/nope`,
      code: 404,
      reason: 'NotFound',
      message: '"nope" not found',
    },
    {
      what: 'patching what is not there',
      method: 'PATCH',
      path: (s) => `${s.things}/nope`,
      body: {},
      asking: { type: 'application/merge-patch+json' },
      code: 404,
      reason: 'NotFound',
      message: '"nope" not found',
    },
    {
      what: 'updating what is not there',
      method: 'PUT',
      path: (s) => `${s.things}/nope`,
      body: of('nope', undefined, { resourceVersion: '1' }),
      code: 404,
      reason: 'NotFound',
      message: '"nope" not found',
    },
    {
      what: 'a missing namespace',
      method: 'POST',
      path: () => '/api/v1/namespaces/conformance-nope/configmaps',
      body: configMap('a'),
      code: 404,
      reason: 'NotFound',
      message: 'namespaces "conformance-nope" not found',
    },
    {
      what: 'a second object of a name',
      method: 'POST',
      path: things,
      body: of('a'),
      code: 409,
      reason: 'AlreadyExists',
      message: /^things\.\S+ "a" already exists$/,
    },
    {
      what: 'an object without a name',
      method: 'POST',
      path: maps,
      body: configMap(''),
      code: 422,
      reason: 'Invalid',
      message: 'metadata.name: Required value: name or generateName is required',
      causes: [{ field: 'metadata.name', reason: 'FieldValueRequired' }],
    },
    {
      what: 'a name that is none',
      method: 'POST',
      path: things,
      body: of('Bad_Name'),
      code: 422,
      reason: 'Invalid',
      message: 'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
      causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }],
    },
    {
      what: 'a name too long',
      method: 'POST',
      path: things,
      body: of('a'.repeat(254)),
      code: 422,
      reason: 'Invalid',
      message: 'must be no more than 253 characters',
    },
    {
      what: 'another namespace in the body',
      method: 'POST',
      path: maps,
      body: configMap('b', {}, { namespace: 'other' }),
      code: 400,
      reason: 'BadRequest',
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    },
    {
      what: 'another version in the body',
      method: 'POST',
      path: maps,
      body: { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'b' } },
      code: 400,
      reason: 'BadRequest',
      message: /.+/,
    },
    {
      what: 'another kind in the body',
      method: 'POST',
      path: things,
      body: () => ({ ...thing(subject.group, 'b'), kind: 'Gadget' }),
      code: 422,
      reason: 'Invalid',
      message: 'kind: Invalid value: "Gadget": must be Thing',
      causes: [{ field: 'kind' }],
    },
    {
      what: 'another name in the body',
      method: 'PUT',
      path: mapA,
      body: configMap('b'),
      code: 400,
      reason: 'BadRequest',
      message: 'the name of the object (b) does not match the name on the URL (a)',
    },
    {
      what: 'a resourceVersion for a new object',
      method: 'POST',
      path: things,
      body: of('b', undefined, { resourceVersion: '5' }),
      code: 500,
      reason: '',
      message: 'resourceVersion should not be set on objects to be created',
    },
    {
      what: 'a stale version',
      method: 'PATCH',
      path: a,
      body: { metadata: { resourceVersion: '1' }, spec: { size: 9 } },
      asking: { type: 'application/merge-patch+json' },
      code: 409,
      reason: 'Conflict',
      message: stale,
    },
    {
      what: 'an update of no version',
      method: 'PUT',
      path: a,
      body: of('a'),
      code: 422,
      reason: 'Invalid',
      message: 'metadata.resourceVersion: Invalid value: 0: must be specified for an update',
      causes: [{ field: 'metadata.resourceVersion' }],
    },
    {
      what: 'a body that is no JSON',
      method: 'POST',
      path: maps,
      body: '{nope',
      code: 400,
      reason: 'BadRequest',
      message: /invalid character 'n' looking for beginning of object key string/,
    },
    {
      what: 'a body of a foreign type',
      method: 'POST',
      path: maps,
      body: 'a=b',
      asking: { type: 'application/x-www-form-urlencoded' },
      code: 415,
      reason: 'UnsupportedMediaType',
      message: 'the body of the request was in an unknown format - accepted media types include: application/json',
    },
    {
      what: 'a patch of a foreign type',
      method: 'PATCH',
      path: mapA,
      body: {},
      asking: { type: 'application/json' },
      code: 415,
      reason: 'UnsupportedMediaType',
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json',
    },
    {
      what: 'an answer of a foreign type',
      method: 'GET',
      path: mapA,
      asking: { headers: { accept: 'text/html' } },
      code: 406,
      reason: 'NotAcceptable',
      message: 'only the following media types are accepted: application/json',
    },
    {
      what: 'a body too large',
      method: 'POST',
      path: maps,
      body: () => configMap('big', { text: 'x'.repeat(3_300_000) }),
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    },
    {
      what: 'annotations too large',
      method: 'POST',
      path: maps,
      body: () => configMap('b', {}, { annotations: { text: 'x'.repeat(270_000) } }),
      code: 422,
      reason: 'Invalid',
      message: 'metadata.annotations: Too long: may not be more than 262144 bytes',
      causes: [{ field: 'metadata.annotations', reason: 'FieldValueTooLong' }],
    },
    {
      what: 'a label that is none',
      method: 'POST',
      path: maps,
      body: configMap('b', {}, { labels: { 'a b': 'c' } }),
      code: 422,
      reason: 'Invalid',
      message: 'metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters',
      causes: [{ field: 'metadata.labels' }],
    },
    {
      what: 'two controllers of one object',
      method: 'POST',
      path: maps,
      body: configMap(
        'b',
        {},
        {
          ownerReferences: ['x', 'y'].map((name) => ({
            apiVersion: 'v1',
            kind: 'X',
            name,
            uid: name,
            controller: true,
          })),
        },
      ),
      code: 422,
      reason: 'Invalid',
      message: 'Only one reference can have Controller set to true',
      causes: [{ field: 'metadata.ownerReferences' }],
    },
    {
      what: 'a pod without containers',
      method: 'POST',
      path: (s) => s.pods,
      body: pod('p', { containers: [] }),
      code: 422,
      reason: 'Invalid',
      message: 'spec.containers: Required value',
      causes: [{ field: 'spec.containers', reason: 'FieldValueRequired' }],
    },
    {
      what: 'a pod of a missing service account',
      method: 'POST',
      path: (s) => s.pods,
      body: pod('p', { serviceAccountName: 'nope' }),
      code: 403,
      reason: 'Forbidden',
      message: /^pods "p" is forbidden: error looking up service account \S+\/nope: serviceaccount "nope" not found$/,
    },
    {
      what: 'a method that is not served',
      method: 'POST',
      path: (s) => `${s.configMaps}/a`,
      body: configMap('a'),
      code: 405,
      reason: 'MethodNotAllowed',
      message: 'the server does not allow this method on the requested resource',
    },
    {
      what: 'reading a kind that is only asked',
      method: 'GET',
      path: () => '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      code: 405,
      reason: 'MethodNotAllowed',
      message: 'the server does not allow this method on the requested resource',
    },
    {
      what: 'a user without rights',
      method: 'GET',
      path: things,
      asking: { user: 'nobody-at-all' },
      code: 403,
      reason: 'Forbidden',
      message:
        /^things\.\S+ is forbidden: User "nobody-at-all" cannot list resource "things" in API group "\S+" in the namespace "\S+"$/,
    },
    {
      what: 'a user without rights to a subresource',
      method: 'PATCH',
      path: (s) => `${s.things}/a/status`,
      body: {},
      asking: { user: 'nobody-at-all', type: 'application/merge-patch+json' },
      code: 403,
      reason: 'Forbidden',
      message: /^things\.\S+ "a" is forbidden: User "nobody-at-all" cannot patch resource "things\/status"/,
    },
    {
      what: 'a user without rights in the cluster',
      method: 'GET',
      path: () => '/api/v1/nodes',
      asking: { user: 'nobody-at-all' },
      code: 403,
      reason: 'Forbidden',
      message:
        'nodes is forbidden: User "nobody-at-all" cannot list resource "nodes" in API group "" at the cluster scope',
    },
    {
      what: 'a user without rights to a path',
      method: 'GET',
      path: () => '/metrics',
      asking: { user: 'nobody-at-all' },
      code: 403,
      reason: 'Forbidden',
      message: 'forbidden: User "nobody-at-all" cannot get path "/metrics"',
    },
    {
      what: 'a wrong token',
      method: 'GET',
      path: maps,
      asking: { token: 'wrong' },
      code: 401,
      reason: 'Unauthorized',
      message: /^Unauthorized$/,
    },
    {
      what: 'a change of what may not change',
      method: 'PATCH',
      path: mapA,
      body: { metadata: { name: 'b' } },
      asking: { type: 'application/merge-patch+json' },
      code: 400,
      reason: 'BadRequest',
      message: 'the name of the object (b) does not match the name on the URL (a)',
    },
    {
      what: 'another uid',
      method: 'PATCH',
      path: mapA,
      body: { metadata: { uid: '00000000-0000-0000-0000-000000000000' } },
      asking: { type: 'application/merge-patch+json' },
      code: 409,
      reason: 'Conflict',
      message: 'Precondition failed: UID in precondition: 00000000-0000-0000-0000-000000000000, UID in object meta: ',
    },
  ])('of $what is $code $reason', async ({ method, path, body, asking, ...refusal }) => {
    const space = await subject.space();
    await subject.made(subject.post(space.things, thing(subject.group, 'a')));
    await subject.made(subject.post(space.configMaps, configMap('a', { key: 'value' })));
    const sent = typeof body === 'function' ? (body as () => unknown)() : body;
    expectRefusal(
      await subject.ask(method, path(space), { ...(sent === undefined ? {} : { body: sent }), ...asking }),
      refusal,
    );
  });

  it.each([
    ['an unknown group', () => '/apis/nope.conformance.test/v1'],
    ['an unknown resource', () => `/apis/${subject.group}/v1/gadgets`],
    ['an unknown subresource', (space: Space) => `${space.things}/a/nope`],
  ])('of %s is a page that is not found', async (_what, path) => {
    const { status, text } = await subject.get(path(await subject.space()));
    expect([status, text]).toEqual([404, '404 page not found\n']);
  });

  it('of new objects in a namespace that ends says why', async () => {
    const space = await subject.space();
    await subject.made(
      subject.post(space.configMaps, configMap('held', {}, { finalizers: ['conformance.test/hold'] })),
    );
    await subject.made(subject.delete(space.path));
    expectRefusal(await subject.post(space.configMaps, configMap('late')), {
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "late" is forbidden: unable to create new content in namespace ${space.name} because it is being terminated`,
      causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }],
    });
    await subject.made(subject.patch('merge', `${space.configMaps}/held`, { metadata: { finalizers: null } }));
  });
});
