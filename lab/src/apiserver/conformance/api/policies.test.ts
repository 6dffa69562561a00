// Policies that the server evaluates itself: what they refuse, warn of and read, and which are refused. A policy is heeded only in the
// namespace of its test, and some time after it was made.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject, type Answer, type Space } from './subject.ts';
import { configMap } from './thing.ts';

const subject = testSubject({ defines: false });

const group = '/apis/admissionregistration.k8s.io/v1';
const policies = `${group}/validatingadmissionpolicies`;
const bindings = `${group}/validatingadmissionpolicybindings`;

const ofMaps = (operations: readonly string[]) => ({
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources: ['configmaps'] }],
});
const uniqueName = () => `conformance-${randomBytes(5).toString('hex')}`;

/** Makes a policy for config maps and binds it to the space. Resolves with its name, which is that of the binding too. */
async function bound(space: Space, spec: Record<string, unknown>, binding: Record<string, unknown> = {}) {
  const name = uniqueName();
  const matchConstraints = ofMaps(['CREATE', 'UPDATE']);
  await subject.install(policies, { metadata: { name }, spec: { matchConstraints, ...spec } });
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': space.name } };
  await subject.install(bindings, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'], matchResources: { namespaceSelector }, ...binding },
  });
  return name;
}

/** Tries to make a config map until the answer is good; nothing is stored. */
const tries = (space: Space, data: Record<string, string>, good: (answer: Answer) => boolean) =>
  subject.eventually(() => subject.post(`${space.configMaps}?dryRun=All`, configMap('a', data)), good);
const refused = ({ status }: Answer) => status >= 400;
const denied = (name: string, message: string) =>
  `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: ${message}`;

describe('a policy', () => {
  it('refuses in its own words what its expressions do not hold for, and nothing else', async () => {
    const space = await subject.space();
    const name = await bound(space, {
      validations: [
        { expression: "object.data.colour != 'green'", message: 'green is not allowed' },
        { expression: 'size(object.data) < 3', messageExpression: "string(size(object.data)) + ' are too many'" },
      ],
    });
    const green = await tries(space, { colour: 'green' }, refused);
    expectRefusal(green, {
      code: 422,
      reason: 'Invalid',
      message: `configmaps "a" is forbidden: ${denied(name, 'green is not allowed')}`,
      causes: [{ message: denied(name, 'green is not allowed') } as object],
    });
    expectRefusal(await tries(space, { colour: 'red', a: '', b: '' }, refused), {
      code: 422,
      reason: 'Invalid',
      message: denied(name, '3 are too many'),
    });
    await subject.made(subject.post(space.configMaps, configMap('a', { colour: 'red' })));
    const other = await subject.space();
    await subject.made(subject.post(other.configMaps, configMap('a', { colour: 'green' })));
  });

  it('answers with the code of its reason, and names an expression that has no words', async () => {
    const space = await subject.space();
    const expression = "object.data.colour == 'red'";
    const name = await bound(space, { validations: [{ expression, reason: 'Forbidden' }] });
    expectRefusal(await tries(space, { colour: 'green' }, refused), {
      code: 403,
      reason: 'Forbidden',
      message: denied(name, `failed expression: ${expression}`),
    });
  });

  it('warns where it is bound to', async () => {
    const space = await subject.space();
    const validations = [{ expression: "object.data.colour == 'red'", message: 'not red' }];
    const name = await bound(space, { validations }, { validationActions: ['Warn'] });
    const answer = await tries(space, { colour: 'green' }, ({ headers }) => headers['warning'] !== undefined);
    expect([answer.status, String(answer.headers['warning'])]).toEqual([
      201,
      `299 - "Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}': not red"`,
    ]);
  });

  it('sees what was there, who asks, and deletions', async () => {
    const space = await subject.space();
    await subject.made(subject.post(space.configMaps, configMap('a', { colour: 'red' })));
    const name = await bound(space, {
      matchConstraints: ofMaps(['UPDATE', 'DELETE']),
      matchConditions: [{ name: 'kept', expression: "'colour' in oldObject.?data.orValue({})" }],
      variables: [{ name: 'was', expression: 'oldObject.data.colour' }],
      validations: [
        {
          expression: "request.operation == 'DELETE' ? variables.was != 'red' : object.data.colour == variables.was",
          messageExpression: "request.operation + ' of ' + variables.was",
        },
      ],
    });
    const update = (data: object, query = '') => subject.patch('merge', `${space.configMaps}/a${query}`, { data });
    const changed = await subject.eventually(() => update({ colour: 'blue' }, '?dryRun=All'), refused);
    expectRefusal(changed, { code: 422, reason: 'Invalid', message: denied(name, 'UPDATE of red') });
    await subject.made(update({ more: 'yes' }));
    const kept = () => subject.delete(`${space.configMaps}/a?dryRun=All`);
    expectRefusal(await subject.eventually(kept, refused), {
      code: 422,
      reason: 'Invalid',
      message: denied(name, 'DELETE of red'),
    });
  });

  it('reads its parameters, which may change', async () => {
    const space = await subject.space();
    await subject.made(subject.post(space.configMaps, configMap('limits', { most: '3', size: '0' })));
    const name = await bound(
      space,
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [{ expression: 'int(object.data.size) <= int(params.data.most)', message: 'too large' }],
      },
      { paramRef: { name: 'limits', namespace: space.name, parameterNotFoundAction: 'Deny' } },
    );
    const message = denied(name, 'too large');
    const five = await tries(space, { size: '5' }, ({ text }) => text.includes('too large'));
    expectRefusal(five, { code: 422, reason: 'Invalid', message });
    await subject.made(subject.patch('merge', `${space.configMaps}/limits`, { data: { most: '5' } }));
    const wider = await tries(space, { size: '5' }, ({ status }) => status === 201);
    expect(wider.status).toBe(201);
  });

  it('that fails itself refuses', async () => {
    const space = await subject.space();
    const expression = "object.data.nope == 'x'";
    const name = await bound(space, { validations: [{ expression }] });
    expectRefusal(await tries(space, { colour: 'red' }, refused), {
      code: 422,
      reason: 'Invalid',
      message: denied(name, `expression '${expression}' resulted in error: no such key: nope`),
    });
  });
});

describe('a policy is refused', () => {
  const spec = { matchConstraints: ofMaps(['CREATE']), validations: [{ expression: 'true' }] };
  it.each<[string, Record<string, unknown>, string | RegExp, { field: string; reason?: string }]>([
    [
      'an expression that is none',
      { ...spec, validations: [{ expression: 'object.' }] },
      'spec.validations[0].expression: Invalid value: "object.": compilation failed: ',
      { field: 'spec.validations[0].expression', reason: 'FieldValueInvalid' },
    ],
    [
      'nothing to hold',
      { matchConstraints: spec.matchConstraints },
      'spec.validations: Required value',
      { field: 'spec.validations', reason: 'FieldValueRequired' },
    ],
    [
      'nothing to match',
      { validations: spec.validations },
      'spec.matchConstraints: Required value',
      { field: 'spec.matchConstraints', reason: 'FieldValueRequired' },
    ],
    [
      'an unknown reason',
      { ...spec, validations: [{ expression: 'true', reason: 'Because' }] },
      'spec.validations[0].reason: Unsupported value: "Because"',
      { field: 'spec.validations[0].reason', reason: 'FieldValueNotSupported' },
    ],
  ])('for %s', async (_what, given, message, cause) => {
    const answer = await subject.post(policies, { metadata: { name: uniqueName() }, spec: given });
    expectRefusal(answer, { code: 422, reason: 'Invalid', message, causes: [cause] });
  });

  it.each<[string, readonly string[], string]>([
    ['no action', [], 'spec.validationActions: Required value'],
    ['one that says the same twice', ['Deny', 'Warn'], 'must not contain both Deny and Warn'],
    ['an unknown action', ['Shout'], 'spec.validationActions[0]: Unsupported value: "Shout"'],
  ])('as a binding with %s', async (_what, validationActions, message) => {
    const name = uniqueName();
    const answer = await subject.post(bindings, { metadata: { name }, spec: { policyName: name, validationActions } });
    expectRefusal(answer, { code: 422, reason: 'Invalid', message });
  });
});
