// What a policy refuses, warns of and lets pass, and which policies are refused themselves.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gear, gearsPath, startShop, type TestServer } from '../test-server.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const policies = `${group}/validatingadmissionpolicies`;
const bindings = `${group}/validatingadmissionpolicybindings`;
const gears = { operations: ['CREATE', 'UPDATE'], apiGroups: ['test.dev'], apiVersions: ['v1'], resources: ['gears'] };

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());
beforeEach(async () => {
  for (const path of [bindings, policies, gearsPath]) await server.delete(path);
});

type Fields = Readonly<Record<string, unknown>>;

const fewTeeth: Fields = { expression: 'object.spec.teeth <= 10' };

function policy(spec: Fields = {}, name = 'teeth'): Fields {
  return {
    metadata: { name },
    spec: { matchConstraints: { resourceRules: [gears] }, validations: [fewTeeth], ...spec },
  };
}

async function install(spec: Fields = {}, binding: Fields = {}, name = 'teeth'): Promise<void> {
  expect(await server.post(policies, policy(spec, name))).toMatchObject({ status: 201 });
  const bound = { policyName: name, validationActions: ['Deny'], ...binding };
  expect(await server.post(bindings, { metadata: { name: `${name}-everywhere` }, spec: bound })).toMatchObject({
    status: 201,
  });
}

const create = (teeth: number, name = 'a') => server.post(gearsPath, gear(name, { teeth }));
const deniedBy = (message: string, name = 'teeth') =>
  `ValidatingAdmissionPolicy '${name}' with binding '${name}-everywhere' denied request: ${message}`;

describe('a policy', () => {
  it('is stored with its defaults', async () => {
    const { body } = await server.post(policies, policy());
    expect(body).toMatchObject({
      kind: 'ValidatingAdmissionPolicy',
      metadata: { generation: 1 },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { matchPolicy: 'Equivalent', namespaceSelector: {}, resourceRules: [{ scope: '*' }] },
      },
    });
  });

  it('without a binding refuses nothing', async () => {
    await server.post(policies, policy());
    expect(await create(80)).toMatchObject({ status: 201 });
  });

  it('refuses with 422, its name, its binding and the expression that failed', async () => {
    await install();
    const message = deniedBy('failed expression: object.spec.teeth <= 10');
    expect((await create(80)).body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `gears.test.dev "a" is forbidden: ${message}`,
      reason: 'Invalid',
      details: { name: 'a', group: 'test.dev', kind: 'gears', causes: [{ message }] },
      code: 422,
    });
    expect(await server.get(`${gearsPath}/a`)).toMatchObject({ status: 404 });
    expect(await create(8)).toMatchObject({ status: 201 });
  });

  it.each([
    ['Forbidden', 403],
    ['Unauthorized', 401],
    ['RequestEntityTooLarge', 413],
    ['Invalid', 422],
  ])('answers with the code of its reason %s', async (reason, code) => {
    await install({ validations: [{ ...fewTeeth, reason }] });
    expect((await create(80)).body).toMatchObject({ reason, code });
  });

  it.each<[string, Fields, string]>([
    ['its message', { message: ' too many ' }, 'too many'],
    [
      'what its message expression makes',
      { message: 'too many', messageExpression: "string(object.spec.teeth) + ' is too many'" },
      '80 is too many',
    ],
    ['its message if the expression fails', { message: 'too many', messageExpression: 'object.nothing' }, 'too many'],
    ['its message if the expression is blank', { message: 'too many', messageExpression: "' '" }, 'too many'],
  ])('tells %s', async (_what, fields, told) => {
    await install({ validations: [{ ...fewTeeth, ...fields }] });
    expect((await create(80)).body.message).toBe(`gears.test.dev "a" is forbidden: ${deniedBy(told)}`);
  });

  it('composes variables, each read when it is needed', async () => {
    await install({
      variables: [
        { name: 'teeth', expression: 'object.spec.teeth' },
        { name: 'half', expression: 'variables.teeth / 2' },
        { name: 'broken', expression: 'object.nothing' },
      ],
      validations: [{ expression: 'variables.half <= 5 || (variables.teeth > 100 && variables.broken)' }],
    });
    expect(await create(8, 'few')).toMatchObject({ status: 201 });
    expect((await create(80)).body.message).toContain('failed expression');
    expect((await create(800)).body.message).toContain('composited variable "broken" fails to evaluate');
  });

  it('sees the old object, who asks and the namespace', async () => {
    await install({
      validations: [
        { expression: 'oldObject == null || object.spec.teeth >= oldObject.spec.teeth', message: 'shrinks' },
        { expression: "request.userInfo.username == 'lab-admin' && 'system:masters' in request.userInfo.groups" },
        { expression: "namespaceObject.metadata.name == request.namespace && request.namespace == 'shop'" },
        { expression: "request.resource.resource == 'gears' && request.kind.kind == 'Gear' && !request.dryRun" },
      ],
    });
    expect(await create(8)).toMatchObject({ status: 201 });
    expect(await server.patch(`${gearsPath}/a`, 'merge', { spec: { teeth: 9 } })).toMatchObject({ status: 200 });
    const shrunk = await server.patch(`${gearsPath}/a`, 'merge', { spec: { teeth: 8 } });
    expect(shrunk.body.message).toContain(deniedBy('shrinks'));
  });

  it('has no object to look at when something is deleted', async () => {
    await create(8);
    await install({
      matchConstraints: { resourceRules: [{ ...gears, operations: ['DELETE'] }] },
      validations: [{ expression: 'object != null || oldObject.spec.teeth > 10', message: 'too small to go' }],
    });
    expect((await server.delete(`${gearsPath}/a`)).body.message).toContain('too small to go');
  });

  it.each<[string, Fields, number]>([
    ['of other operations', { resourceRules: [{ ...gears, operations: ['UPDATE'] }] }, 201],
    ['of other resources', { resourceRules: [{ ...gears, resources: ['gears/status'] }] }, 201],
    ['of other names', { resourceRules: [{ ...gears, resourceNames: ['b'] }] }, 201],
    ['of its name', { resourceRules: [{ ...gears, resourceNames: ['a'] }] }, 422],
    ['that are excluded', { resourceRules: [gears], excludeResourceRules: [gears] }, 201],
    ['of objects without the label', { resourceRules: [gears], objectSelector: { matchLabels: { x: 'y' } } }, 201],
    ['of another version', { resourceRules: [{ ...gears, apiVersions: ['v9'] }] }, 201],
    [
      'of a namespace that is selected',
      { resourceRules: [gears], namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } },
      422,
    ],
    [
      'of a namespace that is not',
      { resourceRules: [gears], namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'other' } } },
      201,
    ],
  ])('meets requests %s or passes them over', async (_what, matchConstraints, status) => {
    await install({ matchConstraints });
    expect(await create(80)).toMatchObject({ status });
  });

  it('is evaluated for subresources by their names', async () => {
    await create(8);
    await install({
      matchConstraints: { resourceRules: [{ ...gears, resources: ['gears/status'] }] },
      validations: [{ expression: "request.subResource == 'status' && object.status.phase != 'Bad'" }],
    });
    const phase = (text: string) => server.patch(`${gearsPath}/a/status`, 'merge', { status: { phase: text } });
    expect(await phase('Good')).toMatchObject({ status: 200 });
    expect(await phase('Bad')).toMatchObject({ status: 422 });
  });

  it('is evaluated for a dry run, too', async () => {
    await install();
    expect(await server.post(`${gearsPath}?dryRun=All`, gear('a', { teeth: 80 }))).toMatchObject({ status: 422 });
  });

  it('is passed over unless all its conditions match', async () => {
    const matchConditions = [{ name: 'others', expression: "request.userInfo.username != 'lab-admin'" }];
    await install({ matchConditions });
    expect(await create(80)).toMatchObject({ status: 201 });
  });

  it('refuses what it cannot evaluate, or ignores it, as its failure policy says', async () => {
    const validations = [{ expression: 'object.spec.nothing == 1' }];
    await install({ validations });
    expect((await create(8)).body).toMatchObject({
      code: 422,
      message: expect.stringContaining(
        deniedBy("expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"),
      ),
    });
    await server.patch(`${policies}/teeth`, 'merge', { spec: { failurePolicy: 'Ignore' } });
    expect(await create(8)).toMatchObject({ status: 201 });
  });

  it('does not keep anybody from changing policies', async () => {
    const all = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };
    await install({ matchConstraints: { resourceRules: [all] }, validations: [{ expression: 'false' }] });
    expect(await create(8)).toMatchObject({ status: 422 });
    expect(await server.delete(`${bindings}/teeth-everywhere`)).toMatchObject({ status: 200 });
    expect(await create(8)).toMatchObject({ status: 201 });
  });
});

describe('a binding', () => {
  it('that warns lets the request pass', async () => {
    await install({}, { validationActions: ['Warn', 'Audit'] });
    const { status, headers } = await create(80);
    expect(status).toBe(201);
    expect(headers['warning']).toBe(
      `299 - "Validation failed for ValidatingAdmissionPolicy 'teeth' with binding 'teeth-everywhere': failed expression: object.spec.teeth <= 10"`,
    );
  });

  it('narrows what its policy is for', async () => {
    await install({}, { matchResources: { objectSelector: { matchLabels: { watched: 'yes' } } } });
    expect(await create(80)).toMatchObject({ status: 201 });
    const watched = gear('b', { teeth: 80 }, { labels: { watched: 'yes' } });
    expect(await server.post(gearsPath, watched)).toMatchObject({ status: 422 });
  });

  it('gives its policy parameters', async () => {
    const limits = '/api/v1/namespaces/shop/configmaps';
    await server.post(limits, { metadata: { name: 'limits' }, data: { teeth: '10' } });
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: 'object.spec.teeth <= int(params.data.teeth)' }],
    };
    await install(spec, { paramRef: { name: 'limits', namespace: 'shop', parameterNotFoundAction: 'Deny' } });
    expect(await create(80)).toMatchObject({ status: 422 });
    await server.patch(`${limits}/limits`, 'merge', { data: { teeth: '100' } });
    expect(await create(80)).toMatchObject({ status: 201 });
    await server.delete(`${limits}/limits`);
    expect((await create(80, 'b')).body.message).toContain('failed to configure binding: no params found');
    await server.patch(`${bindings}/teeth-everywhere`, 'merge', {
      spec: { paramRef: { parameterNotFoundAction: 'Allow' } },
    });
    expect(await create(80, 'b')).toMatchObject({ status: 201 });
  });
});

describe('a policy that is wrong is refused', () => {
  it.each<[string, Fields, string]>([
    ['without what it matches', { matchConstraints: undefined }, 'spec.matchConstraints: Required value'],
    ['without rules', { matchConstraints: {} }, 'spec.matchConstraints.resourceRules: Required value'],
    [
      'with a rule that says all and more',
      { matchConstraints: { resourceRules: [{ ...gears, resources: ['*', '*/*'] }] } },
      "if '*/*' is present, must not specify other resources",
    ],
    [
      'without validations',
      { validations: [] },
      'spec.validations: Required value: validations or auditAnnotations must be specified',
    ],
    [
      'with an expression that does not parse',
      { validations: [{ expression: 'object.' }] },
      'spec.validations[0].expression: Invalid value: "object.": compilation failed: ',
    ],
    [
      'with a name that nothing declares',
      { validations: [{ expression: 'self.x == 1' }] },
      'spec.validations[0].expression: Invalid value: "self.x == 1": compilation failed: ',
    ],
    [
      'with an expression that is no bool',
      { validations: [{ expression: "'yes'" }] },
      'spec.validations[0].expression: Invalid value: "\'yes\'": must evaluate to bool',
    ],
    [
      'with a variable that is composed later',
      {
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
      },
      'spec.variables[0].expression: Invalid value: "variables.b": compilation failed: undefined field \'b\'',
    ],
    [
      'with params but no paramKind',
      { validations: [{ expression: 'params.data.x == 1' }] },
      "compilation failed: undeclared reference to 'params'",
    ],
    [
      'with an unknown reason',
      { validations: [{ expression: 'true', reason: 'NotFound' }] },
      'spec.validations[0].reason: Unsupported value: "NotFound"',
    ],
    [
      'with a message of two lines',
      { validations: [{ expression: 'true', message: 'a\nb' }] },
      'message must not contain line breaks',
    ],
    [
      'with a condition that is wrong',
      { matchConditions: [{ name: 'x', expression: '1 +' }] },
      'spec.matchConditions[0].expression: Invalid value',
    ],
    ['with a failure policy that is none', { failurePolicy: 'Perhaps' }, 'spec.failurePolicy: Unsupported value'],
  ])('%s', async (_what, spec, told) => {
    const { body } = await server.post(policies, policy(spec));
    expect(body).toMatchObject({ code: 422, reason: 'Invalid', message: expect.stringContaining(told) });
  });

  it.each<[string, Fields, string]>([
    ['without a policy', { validationActions: ['Deny'] }, 'spec.policyName: Required value'],
    ['without an action', { policyName: 'teeth' }, 'spec.validationActions: Required value'],
    [
      'that denies and warns of the same',
      { policyName: 'teeth', validationActions: ['Deny', 'Warn'] },
      'must not contain both Deny and Warn',
    ],
    [
      'with an unknown action',
      { policyName: 'teeth', validationActions: ['Shout'] },
      'spec.validationActions[0]: Unsupported value: "Shout"',
    ],
  ])('and so is a binding %s', async (_what, spec, told) => {
    const { body } = await server.post(bindings, { metadata: { name: 'b' }, spec });
    expect(body).toMatchObject({ code: 422, message: expect.stringContaining(told) });
  });
});
