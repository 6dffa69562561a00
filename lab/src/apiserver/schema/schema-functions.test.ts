import { describe, expect, it } from '@jest/globals';
import type { ApiObject, Schema } from '../registry/types.ts';
import { schemaFunctions } from './schema-functions.ts';

const gauge: Schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['level'],
      properties: {
        level: { type: 'integer', minimum: 1, maximum: 10 },
        colour: { type: 'string', enum: ['Red', 'Blue'], default: 'Blue' },
        label: { type: 'string', minLength: 2, maxLength: 5, pattern: '^[a-z]+$' },
        since: { type: 'string', format: 'date-time' },
        amount: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        tags: { type: 'array', maxItems: 2, items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, count: { type: 'integer', default: 1 } },
          },
        },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        pairs: { type: 'object', additionalProperties: { type: 'string' } },
        maybe: { type: 'string', nullable: true },
      },
      'x-kubernetes-validations': [
        { rule: "!has(self.colour) || self.colour != 'Red' || self.level < 5", message: 'red gauges stay below 5' },
      ],
    },
  },
};

const skipped =
  'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

function texts(spec: unknown, old?: unknown): string[] {
  const before = old === undefined ? undefined : ({ spec: old } as ApiObject);
  return schemaFunctions
    .validate(gauge, (spec === undefined ? {} : { spec }) as ApiObject, before)
    .map((error) => `${error.field}: ${error.message}`);
}

describe('validation by structural schema', () => {
  it.each<[string, unknown, string[]]>([
    ['takes a good object', { level: 3, colour: 'Red', amount: '3Gi', maybe: null }, []],
    ['asks for a missing field', { colour: 'Red' }, ['spec.level: Required value', `<nil>: ${skipped}`]],
    ['asks for a missing spec', undefined, ['spec: Required value', `<nil>: ${skipped}`]],
    [
      'refuses a number below the minimum',
      { level: 0 },
      ['spec.level: Invalid value: 0: spec.level in body should be greater than or equal to 1'],
    ],
    [
      'refuses a number above the maximum',
      { level: 99 },
      ['spec.level: Invalid value: 99: spec.level in body should be less than or equal to 10'],
    ],
    [
      'refuses a text for an integer',
      { level: 'x' },
      [
        'spec.level: Invalid value: "string": spec.level in body must be of type integer: "string"',
        `<nil>: ${skipped}`,
      ],
    ],
    [
      'refuses a fraction for an integer',
      { level: 1.5 },
      [
        'spec.level: Invalid value: "number": spec.level in body must be of type integer: "number"',
        `<nil>: ${skipped}`,
      ],
    ],
    [
      'refuses null where it is not allowed',
      { level: null },
      ['spec.level: Invalid value: "null": spec.level in body must be of type integer: "null"', `<nil>: ${skipped}`],
    ],
    [
      'refuses a value outside of an enum',
      { level: 1, colour: 'Green' },
      ['spec.colour: Unsupported value: "Green": supported values: "Red", "Blue"', `<nil>: ${skipped}`],
    ],
    [
      'refuses a short text',
      { level: 1, label: 'a' },
      ['spec.label: Invalid value: "a": spec.label in body should be at least 2 chars long'],
    ],
    [
      'refuses a long text',
      { level: 1, label: 'abcdef' },
      ['spec.label: Too long: may not be more than 5 bytes', `<nil>: ${skipped}`],
    ],
    [
      'refuses a text off the pattern',
      { level: 1, label: 'a1' },
      ['spec.label: Invalid value: "a1": spec.label in body should match \'^[a-z]+$\''],
    ],
    [
      'refuses a bad date',
      { level: 1, since: 'now' },
      ['spec.since: Invalid value: "now": spec.since in body must be of type date-time: "now"', `<nil>: ${skipped}`],
    ],
    [
      'refuses a boolean for an int-or-string',
      { level: 1, amount: true },
      [
        'spec.amount: Invalid value: "boolean": spec.amount in body must be of type integer,string: "boolean"',
        '<nil>: Invalid value: "": "spec.amount" must validate at least one schema (anyOf)',
        'spec.amount: Invalid value: "boolean": spec.amount in body must be of type integer: "boolean"',
        `<nil>: ${skipped}`,
      ],
    ],
    [
      'refuses too many items',
      { level: 1, tags: ['a', 'b', 'c'] },
      ['spec.tags: Too many: 3: must have at most 2 items', `<nil>: ${skipped}`],
    ],
    ['refuses a repeated item of a set', { level: 1, tags: ['a', 'a'] }, ['spec.tags[1]: Duplicate value: "a"']],
    [
      'refuses a repeated key of a map list',
      { level: 1, parts: [{ name: 'x' }, { name: 'x' }] },
      ['spec.parts[1]: Duplicate value: {"name":"x"}'],
    ],
    [
      'tells a broken rule without the value',
      { level: 7, colour: 'Red' },
      ['spec: Invalid value: red gauges stay below 5'],
    ],
    [
      'refuses a list for an object',
      [1],
      ['spec: Invalid value: "array": spec in body must be of type object: "array"', `<nil>: ${skipped}`],
    ],
  ])('%s', (_name, spec, expected) => expect(texts(spec)).toEqual(expected));

  it('forgives a fault that the update did not touch, and no other', () => {
    const stored = { level: 99, tags: ['a'] };
    expect(texts({ level: 99, tags: ['b'] }, stored)).toEqual([]);
    expect(texts({ level: 98, tags: ['a'] }, stored)).toEqual([
      'spec.level: Invalid value: 98: spec.level in body should be less than or equal to 10',
    ]);
  });
});

describe('pruning', () => {
  it('drops what the schema does not name and tells the paths', () => {
    const object = {
      spec: { level: 1, nope: 1, parts: [{ name: 'x', extra: 2 }], open: { any: { thing: 1 } }, pairs: { a: 'b' } },
      more: 1,
    };
    expect(schemaFunctions.prune(gauge, object)).toEqual(['more', 'spec.nope', 'spec.parts[0].extra']);
    expect(object).toEqual({
      spec: { level: 1, parts: [{ name: 'x' }], open: { any: { thing: 1 } }, pairs: { a: 'b' } },
    });
  });

  it('prunes again below a preserved object where the schema names the field', () => {
    const schema: Schema = {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { known: { type: 'object', properties: { a: { type: 'string' } } } },
    };
    const object = { free: { b: 1 }, known: { a: 'x', b: 1 } };
    expect(schemaFunctions.prune(schema, object)).toEqual(['known.b']);
  });
});

describe('defaulting', () => {
  it('fills absent fields at every depth', () => {
    const object = { spec: { level: 1, parts: [{ name: 'x' }, { name: 'y', count: 4 }] } };
    schemaFunctions.applyDefaults(gauge, object);
    expect(object).toEqual({
      spec: {
        level: 1,
        colour: 'Blue',
        parts: [
          { name: 'x', count: 1 },
          { name: 'y', count: 4 },
        ],
      },
    });
  });

  it('puts the default for null where null is not allowed, and keeps null where it is', () => {
    const object = { spec: { level: 1, colour: null, maybe: null } };
    schemaFunctions.applyDefaults(gauge, object);
    expect(object).toEqual({ spec: { level: 1, colour: 'Blue', maybe: null } });
  });
});
