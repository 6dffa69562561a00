// How values merge: what the schema says of each place in an object. A place is granular (its parts are owned one by
// one), a keyed list, a set, or atomic (owned as one). Places without a schema are deduced: objects granular, lists
// atomic. Pure.

import type { Schema } from '../registry/types.ts';
import { isObject, type JsonObject } from '../patch/json-value.ts';

export type Shape =
  | {
      readonly kind: 'map';
      readonly member: (name: string) => Shape;
      /** Containers that an object of the kind always has, empty or not, so that nobody owns their presence. */
      readonly always: (name: string) => boolean;
    }
  | { readonly kind: 'keyed'; readonly keys: readonly string[]; readonly item: Shape; readonly keyDefaults: JsonObject }
  | { readonly kind: 'set' }
  | { readonly kind: 'atomic' };

const atomic: Shape = { kind: 'atomic' };
const never = (): boolean => false;
const stringMap: Shape = { kind: 'map', member: () => atomic, always: never };

/** Metadata is the same in every kind, whatever a schema says of it. */
const metadata: Shape = {
  kind: 'map',
  always: never,
  member: (name) => {
    if (name === 'labels' || name === 'annotations') return stringMap;
    if (name === 'finalizers') return { kind: 'set' };
    if (name === 'ownerReferences') return { kind: 'keyed', keys: ['uid'], item: atomic, keyDefaults: {} };
    return atomic;
  },
};

/**
 * The shape of a whole object of a kind. A built-in kind's structs are there even when nothing is in them; a custom
 * object has only what somebody put into it.
 */
export function objectShape(schema: Schema, options: { custom: boolean }): Shape {
  const properties = schema.properties ?? {};
  return {
    kind: 'map',
    always: (name) => name === 'metadata' || (!options.custom && (name === 'spec' || name === 'status')),
    member: (name) => (name === 'metadata' ? metadata : shapeOf(properties[name], options.custom)),
  };
}

/** Sees the value too, since a place without a schema takes the value's own form. */
export function effective(shape: Shape, value: unknown): Shape {
  if (shape.kind === 'map' && !isObject(value)) return atomic;
  if ((shape.kind === 'keyed' || shape.kind === 'set') && !Array.isArray(value)) return atomic;
  return shape;
}

function shapeOf(schema: Schema | undefined, custom: boolean): Shape {
  if (schema === undefined) return deduced;
  if (schema['x-kubernetes-int-or-string']) return atomic;
  if (schema.type === 'array') return listShape(schema, custom);
  if (schema['x-kubernetes-map-type'] === 'atomic') return atomic;
  if (schema.type !== undefined && schema.type !== 'object') return atomic;
  return mapShape(schema, custom);
}

const shapes = new WeakMap<Schema, Shape>();

function mapShape(schema: Schema, custom: boolean): Shape {
  const known = shapes.get(schema);
  if (known !== undefined) return known;
  const properties = schema.properties ?? {};
  const members = new Map<string, Shape>();
  const rest = isObject(schema.additionalProperties) ? shapeOf(schema.additionalProperties as Schema, custom) : deduced;
  const required = new Set(custom ? [] : schema.required);
  const shape: Shape = {
    kind: 'map',
    always: (name) => required.has(name),
    member: (name) => {
      const property = properties[name];
      if (property === undefined) {
        return schema['x-kubernetes-embedded-resource'] && name === 'metadata' ? metadata : rest;
      }
      let member = members.get(name);
      if (member === undefined) members.set(name, (member = shapeOf(property, custom)));
      return member;
    },
  };
  shapes.set(schema, shape);
  return shape;
}

function listShape(schema: Schema, custom: boolean): Shape {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return { kind: 'set' };
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      const keyDefaults: JsonObject = {};
      for (const key of keys) {
        const value = schema.items?.properties?.[key]?.default;
        if (value !== undefined) keyDefaults[key] = value;
      }
      return { kind: 'keyed', keys, item: shapeOf(schema.items, custom), keyDefaults };
    }
    default:
      return atomic;
  }
}

const deduced: Shape = { kind: 'map', member: () => deduced, always: never };

/** The path element of an item of a keyed list; undefined if a key is missing and has no default. */
export function keyElement(shape: Shape & { kind: 'keyed' }, item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  const keys: JsonObject = {};
  for (const key of [...shape.keys].sort()) {
    const value = item[key] ?? shape.keyDefaults[key];
    if (value !== undefined) keys[key] = value;
  }
  return Object.keys(keys).length === 0 ? undefined : `k:${JSON.stringify(keys)}`;
}

export function valueElement(item: unknown): string {
  return `v:${JSON.stringify(item)}`;
}
