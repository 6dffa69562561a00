// Input that no kind takes, as a client of the server meets it: mistyped keywords of a schema, values of the wrong type,
// and server-set metadata that comes back in a patch.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gear, gearDefinition, gearsPath, startShop, type TestServer } from '../test-server.ts';

const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

/** The Gear definition under another name, with a change to the schema of its spec. */
function definitionWith(plural: string, teeth: unknown): unknown {
  const [version] = gearDefinition.spec.versions;
  const { spec, status } = version.schema.openAPIV3Schema.properties;
  const schema = {
    ...version.schema.openAPIV3Schema,
    properties: { spec: { ...spec, properties: { ...spec.properties, teeth } }, status },
  };
  return {
    ...gearDefinition,
    metadata: { name: `${plural}.test.dev` },
    spec: {
      ...gearDefinition.spec,
      names: { plural, singular: plural.slice(0, -1), kind: plural, listKind: `${plural}List` },
      versions: [{ ...version, schema: { openAPIV3Schema: schema } }],
    },
  };
}

describe('a mistyped keyword in the schema of a definition', () => {
  const field = 'spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.teeth.minimun';

  it('is refused by Strict', async () => {
    const body = definitionWith('cogs', { type: 'integer', minimun: 1 });
    const answer = await server.ask('POST', `${definitionsPath}?fieldValidation=Strict`, { body });
    expect([answer.status, answer.body.message]).toEqual([
      400,
      `CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition: strict decoding error: unknown field "${field}"`,
    ]);
  });

  it('is told as a warning otherwise, and is not kept', async () => {
    const answer = await server.post(definitionsPath, definitionWith('sprockets', { type: 'integer', minimun: 1 }));
    expect([answer.status, answer.headers['warning']]).toEqual([201, `299 - "unknown field \\"${field}\\""`]);
    expect(answer.text).not.toContain('minimun');
  });

  it('is not confused with a field of that name, a default, an enum or additionalProperties', async () => {
    const teeth = {
      type: 'object',
      default: { minimun: { anything: true } },
      properties: { minimun: { type: 'object', additionalProperties: true, enum: [{ free: 1 }] } },
    };
    const body = definitionWith('levers', teeth);
    const answer = await server.ask('POST', `${definitionsPath}?fieldValidation=Strict&dryRun=All`, { body });
    expect(answer.body.message ?? '').not.toContain('strict decoding error');
  });
});

describe('a value of the wrong type in a built-in kind', () => {
  it('is a 400 of the decoder', async () => {
    const configMap = await server.post('/api/v1/namespaces/shop/configmaps', {
      metadata: { name: 'a' },
      data: { n: 1 },
    });
    expect([configMap.status, configMap.body.message]).toEqual([
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ]);
    const secret = await server.post('/api/v1/namespaces/shop/secrets', {
      metadata: { name: 'a' },
      data: { n: 'no!' },
    });
    expect([secret.status, secret.body.message]).toEqual([
      400,
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 2',
    ]);
  });

  it('is a 422 that shows the outcome when a patch made it', async () => {
    await server.post('/api/v1/namespaces/shop/configmaps', { metadata: { name: 'patched' }, data: { n: 'x' } });
    const path = '/api/v1/namespaces/shop/configmaps/patched';
    const { status, body } = await server.patch(path, 'merge', { data: { n: true } });
    expect(status).toBe(422);
    expect(body.message).toMatch(
      /^ "" is invalid: patch: Invalid value: "\{.*\}": json: cannot unmarshal bool into Go struct field ConfigMap\.data of type string$/,
    );
  });
});

describe('a patch that carries what the server set', () => {
  it('brings no warnings about metadata', async () => {
    const { body } = await server.post(gearsPath, gear('edited'));
    const { managedFields: _managed, ...metadata } = body.metadata ?? {};
    const patch = { metadata: { ...metadata, creationTimestamp: null }, spec: { teeth: 12 } };
    const answer = await server.patch(`${gearsPath}/edited`, 'merge', patch);
    expect([answer.status, answer.headers['warning']]).toEqual([200, undefined]);
    expect(answer.body['spec']).toMatchObject({ teeth: 12 });
  });
});
