// Creating, replacing and patching objects over HTTPS: what is filled in, what is refused and with which words.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gear, gearsPath, startShop, type TestServer } from '../test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

describe('creating an object', () => {
  it('fills in uid, times, generation, defaults and the owner of the fields', async () => {
    const { status, body, metadata } = await server.post(gearsPath, gear('filled'));
    expect(status).toBe(201);
    expect(Object.keys(body).slice(0, 3)).toEqual(['apiVersion', 'kind', 'metadata']);
    expect(body['spec']).toEqual({ teeth: 8, mode: 'Slow', replicas: 1 });
    expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(metadata.generation).toBe(1);
    expect(metadata.managedFields).toEqual([
      expect.objectContaining({
        manager: 'unknown',
        operation: 'Update',
        fieldsV1: { 'f:spec': { '.': {}, 'f:mode': {}, 'f:replicas': {}, 'f:teeth': {} } },
      }),
    ]);
  });

  it('drops a status that the client sends', async () => {
    const { body } = await server.post(gearsPath, { ...gear('no-status'), status: { phase: 'Up' } });
    expect(body['status']).toBeUndefined();
  });

  it('generates a name of the base and five letters', async () => {
    const { metadata } = await server.post(gearsPath, { ...gear(''), metadata: { generateName: 'gen-' } });
    expect(metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  const refused: [string, string, unknown, number, string][] = [
    ['a taken name', gearsPath, gear('filled'), 409, 'gears.test.dev "filled" already exists'],
    [
      'another namespace in the body',
      gearsPath,
      gear('x', {}, { namespace: 'other' }),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'another kind in the body',
      gearsPath,
      { ...gear('x'), kind: 'Wheel' },
      422,
      'Wheel.test.dev "x" is invalid: kind: Invalid value: "Wheel": must be Gear',
    ],
    [
      'another version in the body',
      gearsPath,
      { ...gear('x'), apiVersion: 'test.dev/v2' },
      400,
      'the API version in the data (test.dev/v2) does not match the expected API version (test.dev/v1)',
    ],
    [
      'a resourceVersion',
      gearsPath,
      gear('x', {}, { resourceVersion: '5' }),
      500,
      'resourceVersion should not be set on objects to be created',
    ],
    ['a missing namespace', '/apis/test.dev/v1/namespaces/nope/gears', gear('x'), 404, 'namespaces "nope" not found'],
    [
      'an unknown dryRun',
      `${gearsPath}?dryRun=Some`,
      gear('x'),
      422,
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
    [
      'an empty body',
      gearsPath,
      '',
      400,
      `the object provided is unrecognized (must be of type Gear): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
    ],
    [
      'a label that is no string',
      gearsPath,
      { ...gear('x'), metadata: { name: 'x', labels: { a: 1 } } },
      400,
      'Gear in version "v1" cannot be handled as a Gear: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
  ];
  it.each(refused)('is refused for %s', async (_name, path, body, status, message) => {
    const answer = await server.post(path, body);
    expect(answer.body.message).toBe(message);
    expect(answer.status).toBe(status);
  });

  it('names the rule that a bad name breaks', async () => {
    const { status, body } = await server.post(gearsPath, gear('Bad_Name'));
    expect(status).toBe(422);
    expect(body.message).toContain(
      'Gear.test.dev "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
    );
    expect(body).toMatchObject({
      reason: 'Invalid',
      details: {
        name: 'Bad_Name',
        group: 'test.dev',
        kind: 'Gear',
        causes: [{ reason: 'FieldValueInvalid', field: 'metadata.name' }],
      },
    });
  });

  it('takes YAML, and answers YAML to who asks for it', async () => {
    const body = 'apiVersion: test.dev/v1\nkind: Gear\nmetadata: {name: yam}\nspec: {teeth: 2}\n';
    const created = await server.ask('POST', gearsPath, { body, type: 'application/yaml' });
    expect(created.status).toBe(201);
    const read = await server.get(`${gearsPath}/yam`, { accept: 'application/yaml' });
    expect(read.text).toContain('\n  teeth: 2\n');
  });

  it('answers 415 to a body of another type', async () => {
    const { status, body } = await server.ask('POST', gearsPath, { body: 'a=b', type: 'text/plain' });
    expect(status).toBe(415);
    expect(body.reason).toBe('UnsupportedMediaType');
  });

  it('answers 413 to a body over three megabytes', async () => {
    const { status, body } = await server.post(gearsPath, gear('huge', { mode: 'x'.repeat(3 * 1024 * 1024) }));
    expect(status).toBe(413);
    expect(body.message).toBe('Request entity too large: limit is 3145728');
  });

  it('leaves nothing behind when it is a dry run', async () => {
    const { status, metadata } = await server.post(`${gearsPath}?dryRun=All`, gear('dry'));
    expect(status).toBe(201);
    expect(metadata.resourceVersion).toBeUndefined();
    expect((await server.get(`${gearsPath}/dry`)).status).toBe(404);
  });
});

describe('unknown and duplicate fields', () => {
  const body =
    '{"apiVersion":"test.dev/v1","kind":"Gear","metadata":{"name":"NAME","oops":1},"spec":{"teeth":1,"teeth":2,"colour":"red"}}';
  const faults = ['duplicate field "spec.teeth"', 'unknown field "metadata.oops"', 'unknown field "spec.colour"'];
  const send = (validation: string) =>
    server.ask('POST', `${gearsPath}?fieldValidation=${validation}`, {
      body: body.replace('NAME', `f-${validation.toLowerCase()}`),
    });

  it('are refused by Strict', async () => {
    const { status, body: answer } = await send('Strict');
    expect(status).toBe(400);
    expect(answer.message).toBe(
      `Gear in version "v1" cannot be handled as a Gear: strict decoding error: ${faults.join(', ')}`,
    );
  });

  it('are pruned with warnings by Warn', async () => {
    const { status, headers, body: answer } = await send('Warn');
    expect(status).toBe(201);
    expect(headers['warning']).toEqual(faults.map((fault) => `299 - "${fault.replaceAll('"', '\\"')}"`));
    expect(answer['spec']).toEqual({ teeth: 2, mode: 'Slow', replicas: 1 });
  });

  it('are pruned in silence by Ignore', async () => {
    const { status, headers } = await send('Ignore');
    expect(status).toBe(201);
    expect(headers['warning']).toBeUndefined();
  });

  it('are refused in a patch as a fault of the patch', async () => {
    await server.post(gearsPath, gear('strict-patch'));
    const { status, body: answer } = await server.patch(`${gearsPath}/strict-patch?fieldValidation=Strict`, 'merge', {
      spec: { colour: 'red' },
    });
    expect(status).toBe(422);
    expect(answer.message).toMatch(
      /^ "" is invalid: patch: Invalid value: ".*": strict decoding error: unknown field "spec.colour"$/,
    );
  });
});

describe('replacing an object', () => {
  it('moves the generation with the spec and with nothing else', async () => {
    const { body: created } = await server.post(gearsPath, gear('moving'));
    const labelled = await server.put(`${gearsPath}/moving`, {
      ...created,
      metadata: { ...created.metadata, labels: { a: 'b' } },
    });
    expect(labelled.metadata.generation).toBe(1);
    const changed = await server.put(`${gearsPath}/moving`, { ...labelled.body, spec: { teeth: 9 } });
    expect(changed.metadata.generation).toBe(2);
  });

  it('changes nothing, not even the resourceVersion, when it is the same', async () => {
    const { body: created } = await server.post(gearsPath, gear('same'));
    const again = await server.put(`${gearsPath}/same`, created);
    expect(again.status).toBe(200);
    expect(again.metadata.resourceVersion).toBe(created.metadata?.resourceVersion);
  });

  it('is refused on an older resourceVersion', async () => {
    const { body: created } = await server.post(gearsPath, gear('stale'));
    await server.put(`${gearsPath}/stale`, { ...created, spec: { teeth: 9 } });
    const { status, body } = await server.put(`${gearsPath}/stale`, { ...created, spec: { teeth: 10 } });
    expect(status).toBe(409);
    expect(body.message).toBe(
      'Operation cannot be fulfilled on gears.test.dev "stale": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  it('must name the resourceVersion of a custom object, but not of a config map', async () => {
    await server.post(gearsPath, gear('versionless'));
    const { status, body } = await server.put(`${gearsPath}/versionless`, gear('versionless'));
    expect(status).toBe(422);
    expect(body.message).toBe(
      'gears.test.dev "versionless" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
    await server.post('/api/v1/namespaces/shop/configmaps', { metadata: { name: 'free' } });
    expect(
      (await server.put('/api/v1/namespaces/shop/configmaps/free', { metadata: { name: 'free' }, data: { a: 'b' } }))
        .status,
    ).toBe(200);
  });

  it('is refused for another uid', async () => {
    await server.post(gearsPath, gear('identity'));
    const { status, body } = await server.put(
      `${gearsPath}/identity`,
      gear('identity', {}, { uid: '00000000-0000-0000-0000-000000000000' }),
    );
    expect(status).toBe(409);
    expect(body.message).toContain('Precondition failed: UID in precondition: 00000000-0000-0000-0000-000000000000');
  });

  it('creates a lease that is not there, but no gear', async () => {
    const lease = { metadata: { name: 'made' }, spec: { holderIdentity: 'me' } };
    expect((await server.put('/apis/coordination.k8s.io/v1/namespaces/shop/leases/made', lease)).status).toBe(201);
    expect((await server.put(`${gearsPath}/made`, gear('made'))).status).toBe(404);
  });

  it('keeps metadata that belongs to the server', async () => {
    const { body: created, metadata } = await server.post(gearsPath, gear('kept'));
    const lied = {
      ...metadata,
      creationTimestamp: '2001-01-01T00:00:00Z',
      generation: 77,
      deletionTimestamp: '2001-01-01T00:00:00Z',
    };
    const answer = await server.put(`${gearsPath}/kept`, { ...created, metadata: lied, spec: { teeth: 9 } });
    expect(answer.metadata).toMatchObject({ creationTimestamp: metadata.creationTimestamp, generation: 2 });
    expect(answer.metadata.deletionTimestamp).toBeUndefined();
  });
});

describe('the status subresource', () => {
  it('parts status from spec both ways', async () => {
    await server.post(gearsPath, gear('parted'));
    const main = await server.patch(`${gearsPath}/parted`, 'merge', { status: { phase: 'X' } });
    expect(main.body['status']).toBeUndefined();
    const status = await server.patch(`${gearsPath}/parted/status`, 'merge', {
      spec: { teeth: 60 },
      status: { phase: 'Up' },
    });
    expect(status.body).toMatchObject({ spec: { teeth: 8 }, status: { phase: 'Up' }, metadata: { generation: 1 } });
    expect(status.metadata.managedFields).toContainEqual(expect.objectContaining({ subresource: 'status' }));
  });
});

describe('the scale subresource', () => {
  it('reads and writes the replicas', async () => {
    await server.post(gearsPath, gear('scaled'));
    const read = await server.get(`${gearsPath}/scaled/scale`);
    expect(read.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 1 },
      status: { replicas: 0 },
    });
    const written = await server.patch(`${gearsPath}/scaled/scale`, 'merge', { spec: { replicas: 3 } });
    expect(written.body['spec']).toEqual({ replicas: 3 });
    expect((await server.get(`${gearsPath}/scaled`)).body['spec']).toMatchObject({ replicas: 3 });
  });
});
