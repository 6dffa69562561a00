// Pruning: what a structural schema does not name is dropped, and the dropped paths are told, so that strict and
// warning field validation can speak of them. Mutates the object; never touches what the schema preserves.
import type { Schema } from '../registry/types.ts';
import { isRecord } from './json.ts';
import { indexPath, memberPath } from './path.ts';

const objectHead = new Set(['apiVersion', 'kind', 'metadata']);

/** Removes unknown fields in place and returns their paths, sorted. */
export function prune(schema: Schema, object: unknown): string[] {
  const dropped: string[] = [];
  walk(schema, object, '', false, dropped);
  return dropped.sort();
}

function walk(schema: Schema, value: unknown, path: string, preserved: boolean, dropped: string[]): void {
  const keep = preserved || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items)
      value.forEach((item, index) => walk(items, item, indexPath(path, index), keep && !items.properties, dropped));
    return;
  }
  if (!isRecord(value)) return;
  for (const key of Object.keys(value)) {
    const at = memberPath(path, key);
    const known = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (known) walk(known, value[key], at, false, dropped);
    else if (typeof schema.additionalProperties === 'object')
      walk(schema.additionalProperties, value[key], at, false, dropped);
    else if (schema.additionalProperties === true || keep) continue;
    else if (schema['x-kubernetes-embedded-resource'] === true && objectHead.has(key)) continue;
    else {
      delete value[key];
      dropped.push(at);
    }
  }
}
