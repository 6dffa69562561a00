// Kinds that are defined while the server runs: which definitions are refused, which are served and under which names, what becomes of
// their objects when they change and when they go.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { definitions, testSubject, type Answer, type Body } from './subject.ts';

const subject = testSubject({ defines: false });

type Json = Record<string, unknown>;

const newGroup = () => `d${randomBytes(4).toString('hex')}.conformance.test`;
const objectOf = (spec: Json) => ({
  openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: spec } } },
});
const version = (name: string, more: Json = {}) => ({
  name,
  served: true,
  storage: true,
  schema: objectOf({ size: { type: 'integer' } }),
  ...more,
});
const wheels = { plural: 'wheels', singular: 'wheel', kind: 'Wheel', listKind: 'WheelList' };

function definition(group: string, names: Json = wheels, more: Json = {}) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${String(names['plural'])}.${group}` },
    spec: { group, scope: 'Namespaced', names, versions: [version('v1')], ...more },
  };
}
const wheel = (group: string, name: string, spec: Json = {}, metadata: Json = {}, of = 'v1') => ({
  apiVersion: `${group}/${of}`,
  kind: 'Wheel',
  metadata: { name, ...metadata },
  spec,
});

type Condition = { type: string; status: string; reason: string; message: string };
const conditionOf = ({ status }: Body, type: string) =>
  ((status['conditions'] ?? []) as Condition[]).find((condition) => condition.type === type);
const pathOf = (group: string, plural = 'wheels') => `${definitions}/${plural}.${group}`;

/** Makes the definition, and waits until it is established and served in `namespace`. Resolves with the path of the objects. */
async function served(group: string, namespace: string, more: Json = {}, of = 'v1'): Promise<string> {
  await subject.install(definitions, definition(group, wheels, more));
  const path = `/apis/${group}/${of}/namespaces/${namespace}/wheels`;
  await subject.established(`wheels.${group}`, path);
  return path;
}

describe('a definition is refused', () => {
  it.each<[string, (group: string) => Json, string | RegExp, { field: string | object; reason?: string }]>([
    [
      'a name that is not that of its kind',
      (group) => ({ ...definition(group), metadata: { name: `wheel.${group}` } }),
      'must be spec.names.plural+"."+spec.group',
      { field: 'metadata.name', reason: 'FieldValueInvalid' },
    ],
    [
      'no scope',
      (group) => definition(group, wheels, { scope: undefined }),
      'spec.scope: Required value',
      { field: 'spec.scope', reason: 'FieldValueRequired' },
    ],
    [
      'no stored version',
      (group) => definition(group, wheels, { versions: [version('v1', { storage: false })] }),
      'must have exactly one version marked as storage version',
      { field: 'spec.versions', reason: 'FieldValueInvalid' },
    ],
    [
      'a version without a schema',
      (group) => definition(group, wheels, { versions: [version('v1', { schema: undefined })] }),
      'spec.versions[0].schema.openAPIV3Schema: Required value',
      { field: 'spec.versions[0].schema.openAPIV3Schema', reason: 'FieldValueRequired' },
    ],
    [
      'a field without a type',
      (group) => definition(group, wheels, { versions: [version('v1', { schema: objectOf({ size: {} }) })] }),
      /properties\[size\]\.type: Required value: must not be empty for specified object fields/,
      { field: expect.stringMatching(/properties\[size\]\.type$/) as object, reason: 'FieldValueRequired' },
    ],
    [
      'a default that its schema does not allow',
      (group) => {
        const schema = objectOf({ size: { type: 'integer', default: 'three' } });
        return definition(group, wheels, { versions: [version('v1', { schema })] });
      },
      /properties\[size\]\.default: Invalid value: "string": .*in body must be of type integer: "string"/,
      { field: expect.stringMatching(/properties\[size\]\.default$/) as object },
    ],
    [
      'a rule that is none',
      (group) => {
        const schema = objectOf({ size: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >' }] } });
        return definition(group, wheels, { versions: [version('v1', { schema })] });
      },
      /x-kubernetes-validations\[0\]\.rule: Invalid value: [^]*compilation failed: /,
      { field: expect.stringMatching(/x-kubernetes-validations\[0\]\.rule$/) as object },
    ],
  ])('for %s', async (_what, body, message, cause) => {
    expectRefusal(await subject.post(definitions, body(newGroup())), {
      code: 422,
      reason: 'Invalid',
      message,
      causes: [cause as { field: string }],
    });
  });
});

describe('a definition', () => {
  it('tells when it is served, under which names, and what is stored', async () => {
    const group = newGroup();
    await subject.install(definitions, definition(group, { ...wheels, shortNames: ['wh'], categories: ['all'] }));
    const { body } = await subject.eventually(
      () => subject.get(pathOf(group)),
      (answer) => conditionOf(answer.body, 'Established')?.status === 'True',
    );
    expect(conditionOf(body, 'Established')).toMatchObject({
      reason: 'InitialNamesAccepted',
      message: 'the initial names have been accepted',
    });
    expect(conditionOf(body, 'NamesAccepted')).toMatchObject({
      status: 'True',
      reason: 'NoConflicts',
      message: 'no conflicts found',
    });
    expect(body.status).toMatchObject({
      acceptedNames: { ...wheels, shortNames: ['wh'], categories: ['all'] },
      storedVersions: ['v1'],
    });
  });

  it('makes its names of what it is given', async () => {
    const group = newGroup();
    const made = await subject.install(definitions, definition(group, { plural: 'wheels', kind: 'Wheel' }));
    expect(made.spec).toMatchObject({ names: wheels, conversion: { strategy: 'None' } });
  });

  it('is not served under a kind that another one of its group has', async () => {
    const group = newGroup();
    const { name } = await subject.space();
    await served(group, name);
    const names = { plural: 'rollers', singular: 'roller', kind: 'Wheel', listKind: 'RollerList' };
    await subject.install(definitions, definition(group, names));
    const { body } = await subject.eventually(
      () => subject.get(pathOf(group, 'rollers')),
      (answer) => conditionOf(answer.body, 'NamesAccepted')?.status === 'False',
    );
    expect(conditionOf(body, 'NamesAccepted')).toMatchObject({
      reason: 'KindConflict',
      message: '"Wheel" is already in use',
    });
    expect(conditionOf(body, 'Established')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    const { status, text } = await subject.get(`/apis/${group}/v1/rollers`);
    expect([status, text]).toEqual([404, '404 page not found\n']);
  });

  it('may be served in several versions, of which one is old and one is not served', async () => {
    const group = newGroup();
    const { name } = await subject.space();
    const versions = [
      version('v1'),
      version('v1beta1', { storage: false, deprecated: true }),
      version('v1alpha1', { storage: false, served: false }),
    ];
    const path = await served(group, name, { versions });
    await subject.made(subject.post(path, wheel(group, 'a', { size: 3 })));
    const old = await subject.get(`${path.replace('/v1/', '/v1beta1/')}/a`);
    expect(old.body).toMatchObject({ apiVersion: `${group}/v1beta1`, kind: 'Wheel', spec: { size: 3 } });
    expect(old.headers['warning']).toBe(`299 - "${group}/v1beta1 Wheel is deprecated; use ${group}/v1 Wheel"`);
    const { status, text } = await subject.get(`${path.replace('/v1/', '/v1alpha1/')}/a`);
    expect([status, text]).toEqual([404, '404 page not found\n']);
  });

  it('that changes is heeded for what is written from then on', async () => {
    const group = newGroup();
    const { name } = await subject.space();
    const path = await served(group, name);
    const made = await subject.made(subject.post(path, wheel(group, 'a', { size: 80, colour: 'red' })));
    expect(made.spec).toEqual({ size: 80 });
    const schema = objectOf({ size: { type: 'integer', maximum: 64 }, colour: { type: 'string', default: 'blue' } });
    const change = [{ op: 'replace', path: '/spec/versions/0/schema', value: schema }];
    await subject.made(subject.patch('json', pathOf(group), change));
    const tried = await subject.eventually(
      () => subject.post(`${path}?dryRun=All`, wheel(group, 'b', { size: 80 })),
      ({ status }) => status === 422,
    );
    expectRefusal(tried, {
      code: 422,
      reason: 'Invalid',
      message: 'spec.size: Invalid value: 80: spec.size in body should be less than or equal to 64',
    });
    const next = await subject.made(subject.post(path, wheel(group, 'b', { size: 8 })));
    expect(next.spec).toEqual({ size: 8, colour: 'blue' });
    // What is stored is read by the new schema too.
    expect((await subject.made(subject.get(`${path}/a`))).spec).toEqual({ size: 80, colour: 'blue' });
  });

  it('may not change its group, scope or names', async () => {
    const group = newGroup();
    const { name } = await subject.space();
    await served(group, name);
    expectRefusal(await subject.patch('merge', pathOf(group), { spec: { scope: 'Cluster' } }), {
      code: 422,
      reason: 'Invalid',
      message: 'spec.scope: Invalid value: "Cluster": field is immutable',
      causes: [{ field: 'spec.scope', reason: 'FieldValueInvalid' }],
    });
    expectRefusal(await subject.patch('merge', pathOf(group), { spec: { names: { kind: 'Roller' } } }), {
      code: 422,
      reason: 'Invalid',
      message: 'spec.names.kind: Invalid value: "Roller": field is immutable',
      causes: [{ field: 'spec.names.kind', reason: 'FieldValueInvalid' }],
    });
  });
});

describe('a definition that is deleted', () => {
  const gone = ({ status }: Answer) => status === 404;

  it('takes its objects along', async () => {
    const group = newGroup();
    const { name } = await subject.space();
    const path = await served(group, name);
    await subject.made(subject.post(path, wheel(group, 'a')));
    const deleting = await subject.made(subject.delete(pathOf(group)));
    expect(deleting.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      finalizers: ['customresourcecleanup.apiextensions.k8s.io'],
    });
    expectRefusal(await subject.eventually(() => subject.get(pathOf(group)), gone), {
      code: 404,
      reason: 'NotFound',
      message: `customresourcedefinitions.apiextensions.k8s.io "wheels.${group}" not found`,
    });
    expect((await subject.eventually(() => subject.get(path), gone)).text).toBe('404 page not found\n');
    await subject.made(subject.post(definitions, definition(group)));
    const again = await subject.eventually(
      () => subject.get(path),
      ({ status }) => status === 200,
    );
    expect(again.body.items).toEqual([]);
  });

  it('waits for those that are held, and takes no new ones', async () => {
    const group = newGroup();
    const { name } = await subject.space();
    const path = await served(group, name);
    await subject.made(subject.post(path, wheel(group, 'held', {}, { finalizers: ['conformance.test/hold'] })));
    await subject.made(subject.delete(pathOf(group)));
    const { body } = await subject.eventually(
      () => subject.get(pathOf(group)),
      (answer) => conditionOf(answer.body, 'Terminating')?.status === 'True',
    );
    expect(conditionOf(body, 'Terminating')?.status).toBe('True');
    // Only tried: one that slipped in would be found by the cleaner a minute later.
    const late = await subject.eventually(
      () => subject.post(`${path}?dryRun=All`, wheel(group, 'late')),
      ({ status }) => status === 405,
    );
    expectRefusal(late, {
      code: 405,
      reason: 'MethodNotAllowed',
      message: 'create not allowed while custom resource definition is terminating',
    });
    const held = await subject.eventually(
      () => subject.get(`${path}/held`),
      (answer) => answer.body.metadata['deletionTimestamp'] !== undefined,
    );
    expect(held.body.metadata['deletionTimestamp']).toEqual(expect.any(String));
    await subject.made(subject.patch('merge', `${path}/held`, { metadata: { finalizers: null } }));
    expect((await subject.eventually(() => subject.get(pathOf(group)), gone)).status).toBe(404);
  });
});
