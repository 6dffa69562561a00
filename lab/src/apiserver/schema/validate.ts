// Validation of a value against a structural schema: types, ranges, formats, enums and the value-only combinators
// (allOf, anyOf, oneOf, not). Texts are those of kube-apiserver, so that a user's search finds them.
// List uniqueness lives in list-types.ts and CEL rules in ../cel; this file knows neither.
import type { FieldError, Schema } from '../registry/types.ts';
import { invalid, notSupported, required, tooLong, tooMany, typeInvalid } from './errors.ts';
import { hasFormat } from './formats.ts';
import { isRecord, sameJson } from './json.ts';
import { indexPath, memberPath } from './path.ts';

/** The JSON type of a value as Kubernetes names it; whole numbers are integers. */
function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** All faults of the value; empty when it satisfies the schema. */
export function validateValue(schema: Schema, value: unknown, path: string): FieldError[] {
  if (value === null && schema.nullable === true) return [];
  const type = jsonType(value);
  const errors: FieldError[] = [];
  const wanted = wantedTypes(schema);
  if (wanted && !wanted.includes(type) && !(type === 'integer' && wanted.includes('number'))) {
    errors.push(
      typeInvalid(path, type, `${path} in body must be of type ${wanted.join(',')}: ${JSON.stringify(type)}`),
    );
  }
  if (schema.enum && !schema.enum.some((item) => sameJson(item, value)))
    errors.push(notSupported(path, value, schema.enum));
  if (typeof value === 'number') errors.push(...validateNumber(schema, value, path));
  else if (typeof value === 'string') errors.push(...validateString(schema, value, path));
  else if (Array.isArray(value)) errors.push(...validateArray(schema, value, path));
  else if (isRecord(value)) errors.push(...validateObject(schema, value, path));
  errors.push(...validateCombinators(schema, value, path));
  return errors;
}

function wantedTypes(schema: Schema): readonly string[] | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) return ['integer', 'string'];
  return schema.type ? [schema.type] : undefined;
}

function validateNumber(schema: Schema, value: number, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const fault = (text: string) => errors.push(invalid(path, value, `${path} in body should be ${text}`));
  const { minimum, maximum } = schema;
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true && value <= minimum) fault(`greater than ${minimum}`);
    else if (value < minimum) fault(`greater than or equal to ${minimum}`);
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true && value >= maximum) fault(`less than ${maximum}`);
    else if (value > maximum) fault(`less than or equal to ${maximum}`);
  }
  if (schema.multipleOf !== undefined && !Number.isInteger(value / schema.multipleOf))
    fault(`a multiple of ${schema.multipleOf}`);
  const bits = schema.format === 'int32' ? 31 : undefined;
  if (bits !== undefined && (value >= 2 ** bits || value < -(2 ** bits))) {
    errors.push(typeInvalid(path, value, `${path} in body must be of type int32: "integer"`));
  }
  return errors;
}

const patterns = new Map<string, RegExp>();

/** RE2 patterns are read as JavaScript's; an unreadable one was refused when the schema was registered. */
function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (!pattern) patterns.set(source, (pattern = new RegExp(source, 'u')));
  return pattern;
}

/** The first broken limit of length and pattern is told alone, as Kubernetes does; the format is a question of its own. */
function validateString(schema: Schema, value: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const length = [...value].length;
  if (schema.maxLength !== undefined && length > schema.maxLength) errors.push(tooLong(path, schema.maxLength));
  else if (schema.minLength !== undefined && length < schema.minLength) {
    errors.push(invalid(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  } else if (schema.pattern !== undefined && !patternOf(schema.pattern).test(value)) {
    errors.push(invalid(path, value, `${path} in body should match '${schema.pattern}'`));
  }
  if (schema.format !== undefined && !hasFormat(schema.format, value)) {
    errors.push(typeInvalid(path, value, `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`));
  }
  return errors;
}

function validateArray(schema: Schema, value: readonly unknown[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    errors.push(invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems)
    errors.push(tooMany(path, value.length, schema.maxItems));
  const { items } = schema;
  if (items) value.forEach((item, index) => errors.push(...validateValue(items, item, indexPath(path, index))));
  return errors;
}

function validateObject(schema: Schema, value: Record<string, unknown>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = Object.keys(value);
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) errors.push(required(memberPath(path, name)));
  }
  if (schema.minProperties !== undefined && names.length < schema.minProperties) {
    errors.push(invalid(path, names.length, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) {
    errors.push(tooMany(path, names.length, schema.maxProperties));
  }
  for (const name of names) {
    const property = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
    const rule = property ?? extra;
    if (rule) errors.push(...validateValue(rule, value[name], memberPath(path, name)));
  }
  return errors;
}

function validateCombinators(schema: Schema, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const whole = (text: string) => errors.push(invalid('<nil>', '', `"${path}" ${text}`));
  for (const part of schema.allOf ?? []) {
    const faults = validateValue(part, value, path);
    if (faults.length > 0) {
      whole('must validate all the schemas (allOf)');
      errors.push(...faults);
    }
  }
  if (schema.anyOf && schema.anyOf.length > 0) {
    const results = schema.anyOf.map((part) => validateValue(part, value, path));
    if (results.every((faults) => faults.length > 0)) {
      whole('must validate at least one schema (anyOf)');
      errors.push(...(results[0] ?? []));
    }
  }
  if (schema.oneOf && schema.oneOf.length > 0) {
    const results = schema.oneOf.map((part) => validateValue(part, value, path));
    const valid = results.filter((faults) => faults.length === 0).length;
    if (valid !== 1) {
      whole(`must validate one and only one schema (oneOf). Found ${valid === 0 ? 'none' : valid} valid`);
      if (valid === 0) errors.push(...(results[0] ?? []));
    }
  }
  if (schema.not && validateValue(schema.not, value, path).length === 0) whole('must not validate the schema (not)');
  return errors;
}
