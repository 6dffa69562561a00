// Uniqueness that `x-kubernetes-list-type` promises: items of a set, keys of a map list. The first of two equal items
// stands; each later one is a fault at its own index.
import type { FieldError, Schema } from '../registry/types.ts';
import { duplicate } from './errors.ts';
import { canonicalJson, isRecord } from './json.ts';
import { indexPath, memberPath } from './path.ts';

/** The key of an item of a map list, with the defaults of the key fields filled in. */
export function mapListKey(schema: Schema, item: unknown): Record<string, unknown> {
  const key: Record<string, unknown> = {};
  for (const name of schema['x-kubernetes-list-map-keys'] ?? []) {
    const value = isRecord(item) ? item[name] : undefined;
    const fallback = schema.items?.properties?.[name]?.default;
    if (value !== undefined) key[name] = value;
    else if (fallback !== undefined) key[name] = fallback;
  }
  return key;
}

export function validateListTypes(schema: Schema, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Array.isArray(value)) {
    const listType = schema['x-kubernetes-list-type'];
    const seen = new Set<string>();
    value.forEach((item: unknown, index) => {
      const at = indexPath(path, index);
      if (listType === 'set' || listType === 'map') {
        const key = listType === 'set' ? item : mapListKey(schema, item);
        const text = canonicalJson(key);
        if (seen.has(text)) errors.push(duplicate(at, key));
        seen.add(text);
      }
      if (schema.items) errors.push(...validateListTypes(schema.items, item, at));
    });
  } else if (isRecord(value)) {
    for (const [name, child] of Object.entries(value)) {
      const property =
        schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
      const rule =
        property ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
      if (rule) errors.push(...validateListTypes(rule, child, memberPath(path, name)));
    }
  }
  return errors;
}
