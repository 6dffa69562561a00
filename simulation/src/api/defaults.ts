// Default values as a structural schema of a CustomResourceDefinition gives them.
// Promises: values are frozen and shared; an object to which nothing has to be added is returned as it is.

import { isObject, plain } from './json.ts';

/** As much of a schema as has to do with defaults. */
export interface DefaultingSchema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, DefaultingSchema>>;
  readonly items?: DefaultingSchema;
}

/** Kubernetes fills in a missing property before it looks into it, so defaults within a default apply, too. */
export function withDefaults(schema: DefaultingSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    const next = value.map((item: unknown) => withDefaults(items, item));
    return next.some((item, index) => item !== value[index]) ? Object.freeze(next) : value;
  }
  if (!isObject(value) || schema.properties === undefined) return value;
  let next: Record<string, unknown> | undefined;
  for (const [name, property] of Object.entries(schema.properties)) {
    const own = value[name];
    const filled = own ?? plain(property.default);
    const complete = filled === undefined ? undefined : withDefaults(property, filled);
    if (complete === own) continue;
    next ??= { ...value };
    next[name] = complete;
  }
  return next === undefined ? value : Object.freeze(next);
}
