// Who somebody is and what they may: tokens, reviews, roles, and that nobody grants what they do not have.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject, type Answer, type Space } from './subject.ts';
import { configMap } from './thing.ts';

const subject = testSubject({ defines: false });

const rbac = 'rbac.authorization.k8s.io';
const reviews = '/apis/authorization.k8s.io/v1';
/** Users that no binding of a cluster knows. */
const ann = 'conformance-ann';
const eve = 'conformance-eve';
const rule = (verbs: string[], resources: string[], apiGroups = [''], more = {}) => ({
  verbs,
  resources,
  apiGroups,
  ...more,
});

async function accountWithToken(space: Space, name: string): Promise<string> {
  await subject.made(subject.post(`${space.path}/serviceaccounts`, { metadata: { name } }));
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
  const { status } = await subject.made(subject.post(`${space.path}/serviceaccounts/${name}/token`, request));
  return String(status['token']);
}

/** Binds the rules to a user in the space, and waits until the server heeds them. */
async function allow(space: Space, user: string, rules: ReturnType<typeof rule>[]): Promise<void> {
  const name = `of-${user}`;
  await subject.made(subject.post(space.roles, { metadata: { name }, rules }));
  const roleRef = { apiGroup: rbac, kind: 'Role', name };
  await subject.made(
    subject.post(space.bindings, {
      metadata: { name },
      roleRef,
      subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
    }),
  );
  const { verbs, resources, apiGroups, ...more } = rules[0]!;
  const [resourceName] = ((more as { resourceNames?: string[] }).resourceNames ?? []) as string[];
  const resourceAttributes = {
    namespace: space.name,
    verb: verbs[0],
    resource: resources[0],
    group: apiGroups[0],
    ...(resourceName ? { name: resourceName } : {}),
  };
  await subject.eventually(
    () =>
      subject.post(`${reviews}/subjectaccessreviews`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, resourceAttributes },
      }),
    ({ body }) => body.status['allowed'] === true,
  );
}

describe('a token', () => {
  it('of a service account is known for what it is, until the account is gone', async () => {
    const space = await subject.space();
    const token = await accountWithToken(space, 'robot');
    const review = (value: string) =>
      subject.post('/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: value },
      });
    const known = await review(token);
    expect([known.status, known.body.status]).toMatchObject([
      201,
      {
        authenticated: true,
        user: {
          username: `system:serviceaccount:${space.name}:robot`,
          groups: ['system:serviceaccounts', `system:serviceaccounts:${space.name}`, 'system:authenticated'],
          extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] },
        },
      },
    ]);
    const bad = await review('bad');
    expect([bad.status, bad.body.status]).toMatchObject([
      201,
      { user: {}, error: expect.stringContaining('invalid bearer token') },
    ]);
    expect(bad.body.status['authenticated'] ?? false).toBe(false);
    const self = await subject.post(
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      { token },
    );
    expect(self.body.status).toMatchObject({ userInfo: { username: `system:serviceaccount:${space.name}:robot` } });
    await subject.made(subject.delete(`${space.path}/serviceaccounts/robot`));
    const after = await subject.eventually(
      () => subject.get(space.configMaps, { token }),
      ({ status }) => status === 401,
    );
    expectRefusal(after, { code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
  });

  it('without rights lets nobody act as another', async () => {
    const space = await subject.space();
    const token = await accountWithToken(space, 'robot');
    expectRefusal(await subject.get(space.configMaps, { token }), {
      code: 403,
      reason: 'Forbidden',
      message: `configmaps is forbidden: User "system:serviceaccount:${space.name}:robot" cannot list resource "configmaps" in API group "" in the namespace "${space.name}"`,
    });
    expectRefusal(await subject.get(space.configMaps, { token, user: 'bob' }), {
      code: 403,
      reason: 'Forbidden',
      message: /User "system:serviceaccount:\S+:robot" cannot impersonate/,
    });
  });

  it('may be asked for a short time only as long as there is one', async () => {
    const space = await subject.space();
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 10 } };
    expectRefusal(await subject.post(`${space.path}/serviceaccounts/default/token`, request), {
      code: 422,
      reason: 'Invalid',
      message: 'spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes',
    });
    expectRefusal(await subject.post(`${space.path}/serviceaccounts/nope/token`, { ...request, spec: {} }), {
      code: 404,
      reason: 'NotFound',
      message: 'serviceaccounts "nope" not found',
    });
  });
});

describe('a review', () => {
  it('of access says whether, and by what', async () => {
    const space = await subject.space();
    await allow(space, ann, [
      rule(['get', 'list'], ['configmaps']),
      rule(['patch'], ['pods/status'], [''], { resourceNames: ['p'] }),
    ]);
    const review = async (attributes: Record<string, unknown>) => {
      const spec = {
        user: ann,
        groups: ['system:authenticated'],
        resourceAttributes: { namespace: space.name, ...attributes },
      };
      const { body } = await subject.post(`${reviews}/subjectaccessreviews`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec,
      });
      return body.status;
    };
    expect(await review({ verb: 'list', resource: 'configmaps' })).toMatchObject({
      allowed: true,
      reason: `RBAC: allowed by RoleBinding "of-${ann}/${space.name}" of Role "of-${ann}" to User "${ann}"`,
    });
    expect(await review({ verb: 'delete', resource: 'configmaps' })).toMatchObject({ allowed: false });
    expect(await review({ verb: 'list', resource: 'configmaps', namespace: 'kube-system' })).toMatchObject({
      allowed: false,
    });
    expect(await review({ verb: 'patch', resource: 'pods', subresource: 'status', name: 'p' })).toMatchObject({
      allowed: true,
    });
    expect(await review({ verb: 'patch', resource: 'pods', subresource: 'status', name: 'q' })).toMatchObject({
      allowed: false,
    });
  });

  it('of oneself says what one may', async () => {
    const space = await subject.space();
    await allow(space, ann, [rule(['get', 'list'], ['configmaps'])]);
    const rules = await subject.made(
      subject.post(
        `${reviews}/selfsubjectrulesreviews`,
        { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: space.name } },
        { user: ann },
      ),
    );
    expect(rules.status['resourceRules']).toEqual(
      expect.arrayContaining([
        { verbs: ['get', 'list'], apiGroups: [''], resources: ['configmaps'] },
        expect.objectContaining({
          verbs: ['create'],
          apiGroups: ['authorization.k8s.io'],
          resources: expect.arrayContaining(['selfsubjectaccessreviews', 'selfsubjectrulesreviews']),
        }),
      ]),
    );
    const may = async (verb: string) => {
      const spec = { resourceAttributes: { namespace: space.name, verb, resource: 'configmaps' } };
      const { body } = await subject.post(
        `${reviews}/selfsubjectaccessreviews`,
        { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec },
        { user: ann },
      );
      return body.status['allowed'];
    };
    expect([await may('list'), await may('create')]).toEqual([true, false]);
  });

  it('of access in one namespace speaks of no other', async () => {
    const space = await subject.space();
    await allow(space, ann, [rule(['list'], ['configmaps'])]);
    const review = (namespace: string) =>
      subject.post(`${reviews}/namespaces/${space.name}/localsubjectaccessreviews`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'LocalSubjectAccessReview',
        metadata: { namespace: space.name },
        spec: { user: ann, resourceAttributes: { namespace, verb: 'list', resource: 'configmaps' } },
      });
    const own = await review(space.name);
    expect([own.status, own.body.status]).toMatchObject([201, { allowed: true }]);
    expectRefusal(await review('kube-system'), {
      code: 422,
      reason: 'Invalid',
      message: 'spec.resourceAttributes.namespace: Invalid value: "kube-system": must match metadata.namespace',
      causes: [{ field: 'spec.resourceAttributes.namespace', reason: 'FieldValueInvalid' }],
    });
  });

  it('of oneself says who one is, with the groups that one was given', async () => {
    const self = await subject.post(
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      { user: ann, headers: { 'impersonate-group': 'conformance' } },
    );
    expect([self.status, self.body.status]).toMatchObject([
      201,
      { userInfo: { username: ann, groups: ['conformance', 'system:authenticated'] } },
    ]);
  });

  it('asks about one user or group, and one thing', async () => {
    const resourceAttributes = { verb: 'get', resource: 'pods' };
    const review = (spec: Record<string, unknown>) =>
      subject.post(`${reviews}/subjectaccessreviews`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec,
      });
    expectRefusal(await review({ resourceAttributes }), {
      code: 422,
      reason: 'Invalid',
      message: 'at least one of user or group must be specified',
    });
    expectRefusal(await review({ user: ann }), {
      code: 422,
      reason: 'Invalid',
      message: 'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    });
    expectRefusal(await review({ user: ann, resourceAttributes, nonResourceAttributes: { verb: 'get', path: '/x' } }), {
      code: 422,
      reason: 'Invalid',
      message: 'cannot be specified in combination with resourceAttributes',
    });
    const path = await review({
      user: ann,
      groups: ['system:authenticated'],
      nonResourceAttributes: { verb: 'get', path: '/version' },
    });
    expect(path.body.status).toMatchObject({ allowed: true });
  });
});

describe('whoever may write roles', () => {
  const grants = [
    rule(['create', 'update', 'patch', 'get'], ['roles', 'rolebindings'], [rbac]),
    rule(['get'], ['configmaps']),
  ];
  const role = (name: string, rules: ReturnType<typeof rule>[]) => ({ metadata: { name }, rules });
  const binding = (name: string, of: string, user = eve) => ({
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: 'Role', name: of },
    subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
  });
  const refusal = {
    code: 403,
    reason: 'Forbidden',
    // A cluster in which some role is missing says that too, after it.
    message: `user "${eve}" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}`,
  };
  const secrets = [rule(['get', 'list'], ['secrets'])];

  it('grants what they have and nothing else', async () => {
    const space = await subject.space();
    await allow(space, eve, grants);
    expect((await subject.post(space.roles, role('fair', [rule(['get'], ['configmaps'])]), { user: eve })).status).toBe(
      201,
    );
    expectRefusal(await subject.post(space.roles, role('thief', secrets), { user: eve }), refusal);
    expectRefusal(await subject.patch('merge', `${space.roles}/fair`, { rules: secrets }, { user: eve }), refusal);
    // Rights over one object are less than those over all.
    expect(
      (
        await subject.post(space.roles, role('less', [rule(['get'], ['configmaps'], [''], { resourceNames: ['a'] })]), {
          user: eve,
        })
      ).status,
    ).toBe(201);
  });

  it('binds only roles within their own rights', async () => {
    const space = await subject.space();
    await allow(space, eve, grants);
    await subject.made(subject.post(space.roles, role('secrets', secrets)));
    await subject.made(subject.post(space.roles, role('maps', [rule(['get'], ['configmaps'])])));
    expectRefusal(await subject.post(space.bindings, binding('thief', 'secrets'), { user: eve }), refusal);
    expect((await subject.post(space.bindings, binding('fair', 'maps'), { user: eve })).status).toBe(201);
    expectRefusal(await subject.post(space.bindings, binding('nobody', 'missing'), { user: eve }), {
      code: 404,
      reason: 'NotFound',
      message: 'roles.rbac.authorization.k8s.io "missing" not found',
    });
  });

  it.each<[string, string[], (space: Space) => Promise<Answer>]>([
    ['escalate', ['escalate'], (space) => subject.post(space.roles, role('more', secrets), { user: eve })],
    ['bind', ['bind'], (space) => subject.post(space.bindings, binding('more', 'secrets'), { user: eve })],
  ])('goes further where they may %s', async (_verb, verbs, attempt) => {
    const space = await subject.space();
    await subject.made(subject.post(space.roles, role('secrets', secrets)));
    await allow(space, eve, [rule(verbs, ['roles'], [rbac]), ...grants]);
    expect((await attempt(space)).status).toBe(201);
  });

  it('cannot turn a binding to another role', async () => {
    const space = await subject.space();
    for (const name of ['maps', 'other'])
      await subject.made(subject.post(space.roles, role(name, [rule(['get'], ['configmaps'])])));
    await subject.made(subject.post(space.bindings, binding('b', 'maps')));
    expectRefusal(await subject.patch('merge', `${space.bindings}/b`, { roleRef: { name: 'other' } }), {
      code: 422,
      reason: 'Invalid',
      message: /roleRef: Invalid value: .*: cannot change roleRef/,
      causes: [{ field: 'roleRef', reason: 'FieldValueInvalid' }],
    });
  });

  it('is heeded at once, as is a right that is taken away', async () => {
    const space = await subject.space();
    await subject.made(subject.post(space.configMaps, configMap('a')));
    await allow(space, ann, [rule(['get'], ['configmaps'], [''], { resourceNames: ['a'] })]);
    expect((await subject.get(`${space.configMaps}/a`, { user: ann })).status).toBe(200);
    expectRefusal(await subject.get(`${space.configMaps}/b`, { user: ann }), {
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "b" is forbidden: User "${ann}" cannot get`,
    });
    await subject.made(subject.delete(`${space.bindings}/of-${ann}`));
    const after = await subject.eventually(
      () => subject.get(`${space.configMaps}/a`, { user: ann }),
      ({ status }) => status === 403,
    );
    expect(after.status).toBe(403);
  });
});
