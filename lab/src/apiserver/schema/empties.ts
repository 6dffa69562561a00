// Empty lists and maps of built-in objects. Kubernetes decodes them into types whose optional members are marked omitempty,
// so `taints: []` is stored and shown as no taints at all. Custom objects keep what they were given.
import type { Schema } from '../registry/types.ts';
import { isRecord } from './json.ts';

/** Optional, and yet shown when empty: the rules of a role are declared without omitempty (rbac/v1 types.go). */
const shownEmpty: ReadonlySet<string> = new Set(['rules']);

/** Removes the optional lists and maps without an entry, in place. Structures without a member stay: `emptyDir: {}`. */
export function dropEmpties(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items) for (const item of value) dropEmpties(items, item);
    return;
  }
  if (!isRecord(value)) return;
  for (const [name, item] of Object.entries(value)) {
    const member = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (member === undefined) {
      if (typeof schema.additionalProperties === 'object') dropEmpties(schema.additionalProperties, item);
      continue;
    }
    const needed = schema.required?.includes(name) === true || shownEmpty.has(name);
    if (!needed && isEmpty(member, item)) delete value[name];
    else dropEmpties(member, item);
  }
}

function isEmpty(schema: Schema, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && typeof schema.additionalProperties === 'object' && Object.keys(value).length === 0;
}
