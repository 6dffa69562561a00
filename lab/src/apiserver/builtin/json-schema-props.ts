// The schema of schemas: what may be written in a CRD's openAPIV3Schema. It contains itself, and knows the keywords that
// Kubernetes decodes, so that a mistyped one is an unknown field like any other.
import type { Schema } from '../registry/types.ts';
import { nameDefinition } from './type-definitions.ts';
import type { Definitions } from './type-definitions.ts';

const prefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const whole: Schema = { type: 'integer' };
const number: Schema = { type: 'number' };
const texts: Schema = { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' };
const anyJson: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

const rule: Schema = {
  type: 'object',
  required: ['rule'],
  properties: {
    rule: text,
    message: text,
    messageExpression: text,
    reason: text,
    fieldPath: text,
    optionalOldSelf: flag,
  },
};

/** JSONSchemaProps with all its keywords, `$ref` and the like included: those are refused later with their own words. */
function jsonSchemaProps(): Schema {
  const properties: Record<string, Schema> = {};
  const self: Schema = { type: 'object', properties };
  // A schema, or another form of which nothing is known: `additionalProperties: false`, lists of schemas for `items`.
  const selfOrOther: Schema = { properties };
  const map: Schema = { type: 'object', additionalProperties: self };
  const list: Schema = { type: 'array', items: self, 'x-kubernetes-list-type': 'atomic' };
  const keywords: readonly (readonly [Schema, readonly string[]])[] = [
    [text, ['$ref', '$schema', 'description', 'format', 'id', 'pattern', 'title', 'type', 'x-kubernetes-list-type']],
    [text, ['x-kubernetes-map-type']],
    [flag, ['exclusiveMaximum', 'exclusiveMinimum', 'nullable', 'uniqueItems', 'x-kubernetes-int-or-string']],
    [flag, ['x-kubernetes-embedded-resource', 'x-kubernetes-preserve-unknown-fields']],
    [whole, ['maxItems', 'maxLength', 'maxProperties', 'minItems', 'minLength', 'minProperties']],
    [number, ['maximum', 'minimum', 'multipleOf']],
    [texts, ['required', 'x-kubernetes-list-map-keys']],
    [anyJson, ['default', 'example', 'dependencies', 'additionalItems']],
    [{ type: 'array', items: anyJson, 'x-kubernetes-list-type': 'atomic' }, ['enum']],
    [list, ['allOf', 'anyOf', 'oneOf']],
    [self, ['not']],
    [selfOrOther, ['items', 'additionalProperties']],
    [map, ['definitions', 'patternProperties', 'properties']],
    [{ type: 'object', properties: { description: text, url: text } }, ['externalDocs']],
    [{ type: 'array', items: rule }, ['x-kubernetes-validations']],
  ];
  for (const [schema, names] of keywords) for (const name of names) properties[name] = schema;
  return self;
}

/** Puts the schema where the declarations left it open. */
export function closeSchemas(definitions: Definitions): void {
  const owner = definitions.get(`${prefix}.CustomResourceValidation`)?.properties;
  if (owner === undefined) throw new Error('the declarations hold no CustomResourceValidation');
  const name = `${prefix}.JSONSchemaProps`;
  const description = owner['openAPIV3Schema']?.description ?? '';
  owner['openAPIV3Schema'] = nameDefinition({ ...nameDefinition(jsonSchemaProps(), name), description }, name);
}
