// Defaulting: fills absent fields, and replaces null where a field has a default and may not be null.
// Mutates the object; a default's own nested defaults are applied too, as Kubernetes does.
import { copyOf } from '../patch/json-value.ts';
import type { Schema } from '../registry/types.ts';
import { isRecord } from './json.ts';

/** Fills in defaults in place. */
export function applyDefaults(schema: Schema, object: unknown): void {
  if (Array.isArray(object)) {
    if (schema.items) for (const item of object) applyDefaults(schema.items, item);
    return;
  }
  if (!isRecord(object)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const absent = !Object.hasOwn(object, name);
    if (property.default !== undefined && (absent || (object[name] === null && property.nullable !== true))) {
      object[name] = copyOf(property.default);
    }
    if (Object.hasOwn(object, name)) applyDefaults(property, object[name]);
  }
  const extra = schema.additionalProperties;
  if (typeof extra !== 'object') return;
  for (const [name, value] of Object.entries(object)) {
    if (schema.properties && Object.hasOwn(schema.properties, name)) continue;
    if (value === null && extra.nullable !== true && extra.default !== undefined) object[name] = copyOf(extra.default);
    applyDefaults(extra, object[name]);
  }
}
