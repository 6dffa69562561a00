import { describe, expect, it } from '@jest/globals';
import type { ApiObject, Schema, WriteContext } from '../registry/types.ts';
import { createRegistry } from '../registry/registry.ts';
import { schemaFunctions } from '../schema/schema-functions.ts';
import { customResourceDefinitions } from './kind.ts';
import { reconcileCrds } from './lifecycle.ts';

const context: WriteContext = { user: { name: 'admin', groups: [] }, subresource: '', now: () => 0 };
const goodSpec: Schema = { type: 'object', properties: { size: { type: 'integer' } } };

interface Shape {
  readonly plural?: string;
  readonly kind?: string;
  readonly shortNames?: readonly string[];
  readonly created?: string;
}

function aCrd(
  spec: unknown = goodSpec,
  { plural = 'lamps', kind = 'Lamp', shortNames = ['lp'], created = '2026-01-01T00:00:00Z' }: Shape = {},
): ApiObject {
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  const crd: ApiObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.dev`, uid: plural, resourceVersion: '1', creationTimestamp: created },
    spec: {
      group: 'example.dev',
      scope: 'Namespaced',
      names: { plural, kind, shortNames },
      versions: [
        { name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema } },
      ],
    },
  };
  schemaFunctions.applyDefaults(customResourceDefinitions.schema, crd);
  customResourceDefinitions.prepareCreate(crd, context);
  return crd;
}

function faults(crd: ApiObject): string[] {
  return customResourceDefinitions.validate(crd, undefined, context).map((error) => `${error.field}: ${error.message}`);
}

const at = 'spec.versions[0].schema.openAPIV3Schema.properties[spec]';

describe('a CustomResourceDefinition', () => {
  it('is taken when its schema is structural', () => expect(faults(aCrd())).toEqual([]));

  it('must be named after its plural and group', () => {
    const crd = aCrd();
    crd.metadata = { ...crd.metadata, name: 'lamp.example.dev' };
    expect(faults(crd)).toEqual([
      'metadata.name: Invalid value: "lamp.example.dev": must be spec.names.plural+"."+spec.group',
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ['a missing type', { properties: {} }, /^.*\.type: Required value: must not be empty/],
    ['an unknown type', { type: 'text' }, /\.type: Unsupported value: "text"/],
    ['$ref', { type: 'object', properties: { a: { $ref: '#/x' } } }, /properties\[a\]\.\$ref: Forbidden/],
    ['an array without items', { type: 'array' }, /\.items: Required value/],
    [
      'properties beside additionalProperties',
      { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
      /mutual exclusive/,
    ],
    [
      'a bad pattern',
      { type: 'object', properties: { a: { type: 'string', pattern: '(' } } },
      /properties\[a\]\.pattern: Invalid value/,
    ],
    [
      'a default off its own schema',
      { type: 'object', properties: { a: { type: 'integer', default: 'x' } } },
      /properties\[a\]\.default/,
    ],
    [
      'map keys that are not properties',
      {
        type: 'array',
        items: { type: 'object', properties: {} },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      /x-kubernetes-list-map-keys\[0\]: Invalid value: "name"/,
    ],
    [
      'a rule that does not compile',
      { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.a +' }] },
      /x-kubernetes-validations\[0\]\.rule: Invalid value/,
    ],
    ['unique items', { type: 'array', items: { type: 'string' }, uniqueItems: true }, /uniqueItems: Forbidden/],
  ])('is refused for %s, with the path', (_name, spec, expected) => {
    const found = faults(aCrd(spec));
    expect(found).not.toEqual([]);
    expect(found.every((fault) => fault.startsWith(at))).toBe(true);
    expect(found.join('\n')).toMatch(expected);
  });

  it('may not change its scope', () => {
    const old = aCrd();
    const next = structuredClone(old);
    Object.assign(next['spec'] as object, { scope: 'Cluster' });
    const errors = customResourceDefinitions.validate(next, old, context);
    expect(errors.map((error) => error.field)).toEqual(['spec.scope']);
  });
});

describe('names of definitions', () => {
  it('are accepted when nobody else has them', () => {
    const [settled] = reconcileCrds([aCrd()], 0);
    expect(settled?.['status']).toMatchObject({
      acceptedNames: { plural: 'lamps', singular: 'lamp', kind: 'Lamp', listKind: 'LampList', shortNames: ['lp'] },
      conditions: [
        { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts' },
        { type: 'Established', status: 'True', reason: 'InitialNamesAccepted' },
      ],
      storedVersions: ['v1'],
    });
    expect(reconcileCrds([settled ?? {}], 1000)).toEqual([]);
  });

  it('stay with the elder of two that claim the same', () => {
    const elder = aCrd();
    const younger = aCrd(goodSpec, { plural: 'lanterns', kind: 'Lantern', created: '2026-02-01T00:00:00Z' });
    const settled = reconcileCrds([younger, elder], 0);
    const refused = settled.find((crd) => crd.metadata?.name === 'lanterns.example.dev');
    expect(refused?.['status']).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', status: 'False', reason: 'ShortNamesConflict', message: '"lp" is already in use' },
        { type: 'Established', status: 'False' },
      ],
    });
  });
});

describe('the registry', () => {
  it('serves established definitions and tells of the change', () => {
    const registry = createRegistry();
    let changes = 0;
    registry.onChange(() => (changes += 1));
    registry.setCustomResourceDefinitions(reconcileCrds([aCrd()], 0));
    const lamps = registry.find('example.dev', 'v1', 'lamps');
    expect(lamps).toMatchObject({ kind: 'Lamp', namespaced: true, statusSubresource: true, custom: true });
    expect(changes).toBe(1);
    registry.setCustomResourceDefinitions([]);
    expect(registry.find('example.dev', 'v1', 'lamps')).toBeUndefined();
  });

  it('keeps status out of writes to the object, and everything else out of writes to the status', () => {
    const registry = createRegistry();
    registry.setCustomResourceDefinitions(reconcileCrds([aCrd()], 0));
    const lamps = registry.find('example.dev', 'v1', 'lamps');
    const old: ApiObject = { metadata: { name: 'a', labels: { x: '1' } }, spec: { size: 1 }, status: { phase: 'Old' } };
    const plain: ApiObject = { metadata: { name: 'a' }, spec: { size: 2 }, status: { phase: 'New' } };
    lamps?.prepareUpdate(plain, old, context);
    expect(plain).toEqual({ metadata: { name: 'a' }, spec: { size: 2 }, status: { phase: 'Old' } });
    const status: ApiObject = { metadata: { name: 'a' }, spec: { size: 2 }, status: { phase: 'New' } };
    lamps?.prepareUpdate(status, old, { ...context, subresource: 'status' });
    expect(status).toEqual({
      metadata: { name: 'a', labels: { x: '1' } },
      spec: { size: 1 },
      status: { phase: 'New' },
    });
  });
});
