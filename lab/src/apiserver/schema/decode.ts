// What a typed decoder would say of a built-in object: a value of another JSON type than the field's, a time, quantity or
// base64 text that cannot be read. The first such fault ends the decoding, so there is one text and no list of causes.
// Custom objects are never decoded into types; their faults are told by validation.
import { definitionNameOf } from '../builtin/type-definitions.ts';
import type { Schema } from '../registry/types.ts';
import { hasFormat, isBase64 } from './formats.ts';
import { isRecord } from './json.ts';

/** Whole numbers that are wider than 32 bits in the declared types, which the schemas do not say. */
const wide = /(Seconds|[gG]eneration|runAsUser|runAsGroup|fsGroup)$/;
const quantityShape = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';

interface Place {
  readonly schema: Schema;
  /** Name of the innermost type with members. */
  readonly owner: string;
  /** Member names from the root, without list indices and map keys. */
  readonly field: readonly string[];
}

/** The decoder's complaint about the object, without what stands in front of it; undefined if it can be read. */
export function decodeFault(schema: Schema, object: unknown, kind: string): string | undefined {
  return faultOf({ schema, owner: kind, field: [] }, object);
}

function faultOf(place: Place, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  const { schema } = place;
  if (schema['x-kubernetes-int-or-string'] === true) return intOrStringFault(place, value);
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? textFault(schema, value) : mismatch(place, value);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mismatch(place, value);
    case 'integer':
      return Number.isInteger(value) ? undefined : mismatch(place, value);
    case 'number':
      return typeof value === 'number' ? undefined : mismatch(place, value);
    case 'array': {
      if (!Array.isArray(value)) return mismatch(place, value);
      return first(value, (item) => faultOf({ ...place, schema: schema.items ?? {} }, item));
    }
    case 'object':
      return isRecord(value) ? membersFault(place, value) : mismatch(place, value);
    case undefined:
      return undefined;
  }
}

function membersFault(place: Place, value: Record<string, unknown>): string | undefined {
  const { schema } = place;
  if (typeof schema.additionalProperties === 'object') {
    const { additionalProperties } = schema;
    return first(Object.values(value), (item) => faultOf({ ...place, schema: additionalProperties }, item));
  }
  const owner = typeName(schema) ?? place.owner;
  return first(Object.entries(value), ([name, item]) => {
    const member = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    // Metadata is looked at where it is taken apart.
    if (member === undefined || (place.field.length === 0 && name === 'metadata')) return undefined;
    return faultOf({ schema: member, owner, field: [...place.field, name] }, item);
  });
}

function first<T>(items: readonly T[], fault: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function intOrStringFault(place: Place, value: unknown): string | undefined {
  const quantity = place.schema.format === 'quantity';
  if (quantity && typeof value === 'string' && !hasFormat('quantity', value)) {
    return `quantities must match the regular expression '${quantityShape}'`;
  }
  if (typeof value === 'string' || (typeof value === 'number' && (quantity || Number.isInteger(value))))
    return undefined;
  if (quantity) return `quantities must match the regular expression '${quantityShape}'`;
  return `json: cannot unmarshal ${jsonName(value)} into Go value of type int32`;
}

function textFault(schema: Schema, text: string): string | undefined {
  const { format } = schema;
  if (format === 'byte') return isBase64(text) ? undefined : `illegal base64 data at input byte ${firstBadByte(text)}`;
  if (format !== 'date-time' && format !== 'micro-time') return undefined;
  if (text === '' || hasFormat(format, text)) return undefined;
  const layout = format === 'micro-time' ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00';
  const [part, wanted] = unread(text, format === 'micro-time');
  return `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(part)} as ${JSON.stringify(wanted)}`;
}

/** Where a reader of the layout stops: what is left of the text, and the part of the layout that it is not. */
function unread(text: string, micro: boolean): readonly [string, string] {
  const steps: readonly (readonly [RegExp, string])[] = [
    [/^\d{4}/, '2006'],
    [/^-/, '-'],
    [/^\d{2}/, '01'],
    [/^-/, '-'],
    [/^\d{2}/, '02'],
    [/^T/, 'T'],
    [/^\d{2}/, '15'],
    [/^:/, ':'],
    [/^\d{2}/, '04'],
    [/^:/, ':'],
    [/^\d{2}/, '05'],
    micro ? [/^\.\d{6}(?!\d)/, '.000000'] : [/^(\.\d+)?/, ''],
  ];
  let rest = text;
  for (const [shape, wanted] of steps) {
    const match = shape.exec(rest);
    if (match === null) return [rest, wanted];
    rest = rest.slice(match[0].length);
  }
  return [rest, 'Z07:00'];
}

/** The first byte at which no base64 can go on; the text is known to be none. */
function firstBadByte(text: string): number {
  const foreign = text.search(/[^A-Za-z0-9+/]/);
  return foreign === -1 ? Math.floor(text.length / 4) * 4 : foreign;
}

function mismatch(place: Place, value: unknown): string {
  const { owner, field, schema } = place;
  return `json: cannot unmarshal ${jsonName(value)} into Go struct field ${owner}.${field.join('.')} of type ${goType(schema, field.at(-1) ?? '')}`;
}

function jsonName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`;
  return typeof value;
}

function goType(schema: Schema, field: string): string {
  const name = typeName(schema);
  switch (schema.type) {
    case 'string':
      if (schema.format === 'byte') return '[]uint8';
      return schema.format === 'date-time' ? 'v1.Time' : schema.format === 'micro-time' ? 'v1.MicroTime' : 'string';
    case 'boolean':
      return 'bool';
    case 'integer':
      return wide.test(field) ? 'int64' : 'int32';
    case 'number':
      return 'float64';
    case 'array':
      return `[]${goType(schema.items ?? {}, field)}`;
    case 'object':
      if (typeof schema.additionalProperties === 'object')
        return `map[string]${goType(schema.additionalProperties, field)}`;
      return name === undefined ? 'map[string]interface {}' : `v1.${name}`;
    default:
      return schema.format === 'quantity' ? 'resource.Quantity' : 'intstr.IntOrString';
  }
}

function typeName(schema: Schema): string | undefined {
  return definitionNameOf(schema)?.split('.').at(-1);
}
