// JSON values as CEL sees them. The schema decides: an integer becomes a BigInt, a date-time string a timestamp, a
// duration string a duration; what the schema does not know stays as JSON reads it, whole numbers as integers.
// The values handed out are fresh; the object is not touched.
import type { Schema } from '../registry/types.ts';
import { isRecord } from '../schema/json.ts';
import { isDateTime } from '../schema/formats.ts';

export function toCel(schema: Schema | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => toCel(schema?.items, item));
  if (isRecord(value)) {
    const extra = typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
    const out: Record<string, unknown> = {};
    for (const [name, child] of Object.entries(value)) {
      const property =
        schema?.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
      if (property?.nullable === true && child === null) continue;
      out[extra ? name : escaped(name)] = toCel(property ?? extra, child);
    }
    return out;
  }
  if (typeof value === 'number') return schema?.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  if (typeof value === 'string' && schema?.format === 'date-time' && isDateTime(value)) return new Date(value);
  return value;
}

const reserved = new Set([
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import'],
  ...['let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
]);

/** Most names need no escaping, which one look tells. */
function escaped(name: string): string {
  return /__|[.\-/]/.test(name) || reserved.has(name) ? escapeName(name) : name;
}

/** Property names that are no CEL identifiers are reached in Kubernetes' escaped form (`__namespace__`, `a__dash__b`). */
function escapeName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
