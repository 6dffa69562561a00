import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { builtinKinds } from '../builtin/kinds.ts';
import { ApiFailure } from '../errors/status.ts';
import type { ApiObject, Attributes, ObjectReader, ServedResource, User } from '../registry/types.ts';
import { createAuth } from './auth.ts';
import type { ServerAuth } from './auth.ts';
import { bootstrapRbac } from './bootstrap.ts';
import { denialText } from './denial.ts';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const plurals: Readonly<Record<string, string>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  ServiceAccount: 'serviceaccounts',
  Pod: 'pods',
  Node: 'nodes',
};

/** A store of a few objects that can lose some. */
class Objects implements ObjectReader {
  items: ApiObject[];
  changes = 0;
  constructor(items: readonly ApiObject[]) {
    this.items = [...items];
  }
  list(_group: string, plural: string, namespace?: string): ApiObject[] {
    return this.items.filter(
      (item) =>
        plurals[item.kind ?? ''] === plural && (namespace === undefined || item.metadata?.namespace === namespace),
    );
  }
  get(group: string, plural: string, namespace: string, name: string): ApiObject | undefined {
    return this.list(group, plural).find(
      (item) => item.metadata?.name === name && (item.metadata.namespace ?? '') === namespace,
    );
  }
  revision(): number {
    return this.changes;
  }
}

const bob: ApiObject = { kind: 'ServiceAccount', metadata: { name: 'bob', namespace: 'lab', uid: 'u-bob' } };
const role: ApiObject = {
  kind: 'Role',
  metadata: { name: 'reader', namespace: 'lab' },
  rules: [
    { apiGroups: ['example.dev'], resources: ['lamps'], verbs: ['get', 'list'] },
    { apiGroups: ['example.dev'], resources: ['lamps/status'], resourceNames: ['a'], verbs: ['patch'] },
  ],
};
const binding: ApiObject = {
  kind: 'RoleBinding',
  metadata: { name: 'reader', namespace: 'lab' },
  roleRef: { kind: 'Role', name: 'reader' },
  subjects: [{ kind: 'ServiceAccount', name: 'bob', namespace: 'lab' }],
};
const viewers: ApiObject = {
  kind: 'ClusterRoleBinding',
  metadata: { name: 'viewers' },
  roleRef: { kind: 'ClusterRole', name: 'view' },
  subjects: [{ kind: 'User', name: 'vera' }],
};

function setup(now = () => 1_800_000_000_000): { auth: ServerAuth; objects: Objects } {
  const objects = new Objects([...bootstrapRbac, bob, role, binding, viewers]);
  const tokens = [
    { token: 'root', user: 'lab-admin', groups: ['system:masters'] },
    { token: 'vera', user: 'vera', groups: [] },
  ];
  let ids = 0;
  return {
    auth: createAuth({ reader: objects, tokens, serviceAccountKeyPem: privateKey, now, newId: () => `id-${++ids}` }),
    objects,
  };
}

function user(name: string, ...groups: string[]): User {
  return { name, groups: [...groups, 'system:authenticated'] };
}

function on(
  verb: string,
  group: string,
  resource: string,
  rest: Partial<Extract<Attributes, { type: 'resource' }>> = {},
): Attributes {
  return { type: 'resource', verb, group, version: 'v1', resource, ...rest };
}

function kind(name: string): ServedResource {
  const found = builtinKinds.find((candidate) => candidate.kind === name);
  if (!found) throw new Error(`no kind ${name}`);
  return found;
}

const bobUser = user('system:serviceaccount:lab:bob');

describe('RBAC', () => {
  it.each<[string, User, Attributes, boolean]>([
    ['masters may do anything', user('x', 'system:masters'), on('delete', '', 'nodes'), true],
    ['a role holds in its namespace', bobUser, on('list', 'example.dev', 'lamps', { namespace: 'lab' }), true],
    ['a role holds nowhere else', bobUser, on('list', 'example.dev', 'lamps', { namespace: 'other' }), false],
    ['a role does not hold for the whole cluster', bobUser, on('list', 'example.dev', 'lamps'), false],
    [
      'a verb that is not granted is refused',
      bobUser,
      on('create', 'example.dev', 'lamps', { namespace: 'lab' }),
      false,
    ],
    [
      'a subresource needs its own rule',
      bobUser,
      on('get', 'example.dev', 'lamps', { namespace: 'lab', subresource: 'status' }),
      false,
    ],
    [
      'a rule by name covers that name',
      bobUser,
      on('patch', 'example.dev', 'lamps', { namespace: 'lab', subresource: 'status', name: 'a' }),
      true,
    ],
    [
      'a rule by name covers no other',
      bobUser,
      on('patch', 'example.dev', 'lamps', { namespace: 'lab', subresource: 'status', name: 'b' }),
      false,
    ],
    ['view is aggregated from its parts', user('vera'), on('list', '', 'pods', { namespace: 'any' }), true],
    ['view does not show secrets', user('vera'), on('list', '', 'secrets', { namespace: 'any' }), false],
    [
      'everybody who is known may read discovery',
      user('x'),
      { type: 'path', verb: 'get', path: '/apis/apps/v1' },
      true,
    ],
    [
      'the unknown may ask for health',
      { name: 'system:anonymous', groups: ['system:unauthenticated'] },
      { type: 'path', verb: 'get', path: '/readyz' },
      true,
    ],
    [
      'the unknown may not read discovery',
      { name: 'system:anonymous', groups: ['system:unauthenticated'] },
      { type: 'path', verb: 'get', path: '/apis' },
      false,
    ],
    [
      'a node may write its status',
      user('system:node:pc-1', 'system:nodes'),
      on('patch', '', 'nodes', { subresource: 'status', name: 'pc-1' }),
      true,
    ],
    [
      'a node may not write roles',
      user('system:node:pc-1', 'system:nodes'),
      on('create', 'rbac.authorization.k8s.io', 'clusterroles'),
      false,
    ],
  ])('%s', (_name, who, attributes, allowed) => expect(setup().auth.authorize(who, attributes).allowed).toBe(allowed));

  it('says by what it was allowed', () => {
    const { reason } = setup().auth.authorize(bobUser, on('list', 'example.dev', 'lamps', { namespace: 'lab' }));
    expect(reason).toBe('RBAC: allowed by RoleBinding "reader/lab" of Role "reader" to ServiceAccount "bob/lab"');
  });

  it('sees a binding that is gone', () => {
    const { auth, objects } = setup();
    const ask = () => auth.authorize(bobUser, on('list', 'example.dev', 'lamps', { namespace: 'lab' })).allowed;
    expect(ask()).toBe(true);
    objects.items = objects.items.filter((item) => item !== binding);
    objects.changes += 1;
    expect(ask()).toBe(false);
  });

  it('words a refusal as Kubernetes does', () => {
    expect(denialText(bobUser, on('patch', 'example.dev', 'lamps', { namespace: 'lab', subresource: 'status' }))).toBe(
      'User "system:serviceaccount:lab:bob" cannot patch resource "lamps/status" in API group "example.dev" in the namespace "lab"',
    );
    expect(denialText(bobUser, on('list', '', 'nodes'))).toBe(
      'User "system:serviceaccount:lab:bob" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    expect(denialText(bobUser, { type: 'path', verb: 'get', path: '/metrics' })).toBe(
      'User "system:serviceaccount:lab:bob" cannot get path "/metrics"',
    );
  });

  it('lets nobody grant what they do not hold', () => {
    const { auth } = setup();
    const grant = (rules: unknown): ApiObject => ({ metadata: { name: 'r', namespace: 'lab' }, rules });
    const attempt = (rules: unknown) => () => auth.refuseEscalation(bobUser, kind('Role'), grant(rules), 'lab');
    expect(attempt([{ apiGroups: ['example.dev'], resources: ['lamps'], verbs: ['get'] }])).not.toThrow();
    expect(attempt([{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }])).toThrow(
      /attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
    );
  });
});

describe('authentication', () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}`, headers: {} });

  it('knows static tokens, refuses others, and leaves no credentials to the caller', async () => {
    const { auth } = setup();
    expect(await auth.authenticate(bearer('root'))).toEqual({
      name: 'lab-admin',
      groups: ['system:masters', 'system:authenticated'],
    });
    expect(await auth.authenticate(bearer('wrong'))).toBe('invalid');
    expect(await auth.authenticate({ headers: {} })).toBeUndefined();
  });

  it('takes the name and the groups of a client certificate', async () => {
    const { auth } = setup();
    const certificate = { commonName: 'system:node:pc-1', organizations: ['system:nodes'] };
    expect(await auth.authenticate({ clientCertificate: certificate, headers: {} })).toEqual({
      name: 'system:node:pc-1',
      groups: ['system:nodes', 'system:authenticated'],
    });
  });

  it('lets a master act as others, and others not', async () => {
    const { auth } = setup();
    const headers = { 'impersonate-user': 'system:serviceaccount:lab:bob' };
    expect(await auth.authenticate({ authorization: 'Bearer root', headers })).toEqual({
      name: 'system:serviceaccount:lab:bob',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:lab', 'system:authenticated'],
    });
    const refused = auth.authenticate({ authorization: 'Bearer vera', headers: { 'impersonate-user': 'max' } });
    await expect(refused).rejects.toThrow(
      'users "max" is forbidden: User "vera" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  it('issues tokens that are good until they expire or their account is made anew', async () => {
    let now = 1_800_000_000_000;
    const { auth, objects } = setup(() => now);
    const answer = await auth.requestToken(bob, { spec: { expirationSeconds: 600 } });
    const { token } = answer['status'] as { token: string };
    const who = await auth.authenticate(bearer(token));
    expect(who).toMatchObject({
      name: 'system:serviceaccount:lab:bob',
      uid: 'u-bob',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:lab', 'system:authenticated'],
    });
    now += 601_000;
    expect(await auth.authenticate(bearer(token))).toBe('invalid');
    now -= 601_000;
    objects.items = objects.items.map((item) =>
      item === bob ? { ...bob, metadata: { ...bob.metadata, uid: 'u-other' } } : item,
    );
    expect(await auth.authenticate(bearer(token))).toBe('invalid');
  });

  it('ends a bound token with its pod', async () => {
    const { auth, objects } = setup();
    const pod: ApiObject = { kind: 'Pod', metadata: { name: 'p', namespace: 'lab', uid: 'u-p' } };
    objects.items.push(pod);
    const answer = await auth.requestToken(bob, { spec: { boundObjectRef: { kind: 'Pod', name: 'p' } } });
    const { token } = answer['status'] as { token: string };
    expect(await auth.authenticate(bearer(token))).toMatchObject({
      extra: { 'authentication.kubernetes.io/pod-name': ['p'] },
    });
    objects.items = objects.items.filter((item) => item !== pod);
    expect(await auth.authenticate(bearer(token))).toBe('invalid');
  });

  it('tells in the token of a pod where the pod runs, and lets it outlive that node', async () => {
    const { auth, objects } = setup();
    const node: ApiObject = { kind: 'Node', metadata: { name: 'pc-1', uid: 'u-n' } };
    const pod = { kind: 'Pod', metadata: { name: 'p', namespace: 'lab', uid: 'u-p' }, spec: { nodeName: 'pc-1' } };
    objects.items.push(node, pod);
    const answer = await auth.requestToken(bob, { spec: { boundObjectRef: { kind: 'Pod', name: 'p' } } });
    const { token } = answer['status'] as { token: string };
    objects.items = objects.items.filter((item) => item !== node);
    expect(await auth.authenticate(bearer(token))).toMatchObject({
      extra: {
        'authentication.kubernetes.io/node-name': ['pc-1'],
        'authentication.kubernetes.io/node-uid': ['u-n'],
        'authentication.kubernetes.io/pod-name': ['p'],
      },
    });
  });

  it('ends a token bound to a node with it, also when one of the name comes again', async () => {
    const { auth, objects } = setup();
    const node = (uid: string): ApiObject => ({ kind: 'Node', metadata: { name: 'pc-1', uid } });
    const old = node('u-old');
    objects.items.push(old);
    const boundObjectRef = { kind: 'Node', name: 'pc-1', uid: 'u-old' };
    const answer = await auth.requestToken(bob, { spec: { boundObjectRef } });
    const { token } = answer['status'] as { token: string };
    expect(await auth.authenticate(bearer(token))).toMatchObject({
      extra: { 'authentication.kubernetes.io/node-name': ['pc-1'], 'authentication.kubernetes.io/node-uid': ['u-old'] },
    });
    objects.items = [...objects.items.filter((item) => item !== old), node('u-new')];
    expect(await auth.authenticate(bearer(token))).toBe('invalid');
    await expect(auth.requestToken(bob, { spec: { boundObjectRef } })).rejects.toMatchObject({ code: 409 });
  });

  it('refuses a token for less than ten minutes', async () => {
    const attempt = setup().auth.requestToken(bob, { spec: { expirationSeconds: 60 } });
    await expect(attempt).rejects.toThrow(
      'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    );
  });
});

describe('reviews', () => {
  const review = (name: string, spec: unknown, who: User = user('x', 'system:masters')) =>
    setup().auth.review(kind(name), { spec } as ApiObject, { user: who });

  it('answers who a token is', async () => {
    expect((await review('TokenReview', { token: 'vera' }))['status']).toMatchObject({
      authenticated: true,
      user: { username: 'vera', groups: ['system:authenticated'] },
    });
    expect((await review('TokenReview', { token: 'bad' }))['status']).toEqual({
      user: {},
      error: 'invalid bearer token',
    });
  });

  it('answers whether somebody may, and whether oneself may', async () => {
    const resourceAttributes = { namespace: 'lab', verb: 'list', group: 'example.dev', resource: 'lamps' };
    expect((await review('SubjectAccessReview', { user: bobUser.name, resourceAttributes }))['status']).toMatchObject({
      allowed: true,
    });
    expect((await review('SelfSubjectAccessReview', { resourceAttributes }, user('nobody')))['status']).toEqual({
      allowed: false,
    });
  });

  it('refuses a review without attributes', async () => {
    await expect(review('SelfSubjectAccessReview', {})).rejects.toBeInstanceOf(ApiFailure);
  });

  it('lists the rules of oneself', async () => {
    const { status } = await review('SelfSubjectRulesReview', { namespace: 'lab' }, bobUser);
    expect(status).toMatchObject({ incomplete: false });
    expect((status as { resourceRules: unknown[] }).resourceRules).toContainEqual({
      verbs: ['get', 'list'],
      apiGroups: ['example.dev'],
      resources: ['lamps'],
    });
  });

  it('tells who one is', async () => {
    expect((await review('SelfSubjectReview', {}, user('vera')))['status']).toEqual({
      userInfo: { username: 'vera', groups: ['system:authenticated'] },
    });
  });
});
