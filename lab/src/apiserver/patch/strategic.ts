// Strategic merge patch: a merge patch that knows, from the schema's patch extensions, which lists merge by key or as
// sets, and that obeys the `$` directives. Pure; the inputs are kept.

import { badRequest } from '../errors/status.ts';
import type { Schema } from '../registry/types.ts';
import { copyOf, isObject, jsonEqual, type JsonObject } from './json-value.ts';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

export function strategicMergePatch(target: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (!isObject(patch)) throw badRequest('the patch must be an object');
  return mergeMap(isObject(target) ? target : {}, patch, schema);
}

function mergeMap(target: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  switch (patch['$patch']) {
    case 'replace':
      return withoutDirectives(patch);
    case 'delete':
      return {};
    case undefined:
    case 'merge':
      break;
    default:
      throw badRequest(`invalid value for '$patch': ${JSON.stringify(patch['$patch'])}`);
  }
  const result: JsonObject = { ...target };
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained)) {
    for (const key of Object.keys(result)) if (!retained.includes(key)) delete result[key];
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) dropPrimitives(result, key.slice(deletePrefix.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else result[key] = mergeValue(result[key], value, propertyOf(schema, key));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix) || !Array.isArray(order)) continue;
    const field = key.slice(orderPrefix.length);
    const list = result[field];
    if (Array.isArray(list)) result[field] = ordered(list, order, mergeKeyOf(propertyOf(schema, field)));
  }
  return result;
}

function mergeValue(target: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (isObject(patch)) {
    if (strategiesOf(schema).includes('replace') || !isObject(target)) return mergeMap({}, patch, schema);
    return mergeMap(target, patch, schema);
  }
  if (!Array.isArray(patch)) return patch;
  if (!strategiesOf(schema).includes('merge')) return copyOf(patch.filter((item) => !isReplaceMarker(item)));
  const list = Array.isArray(target) ? target : [];
  const key = mergeKeyOf(schema);
  return key === undefined ? union(list, patch) : mergeByKey(list, patch, key, schema);
}

function mergeByKey(
  target: readonly unknown[],
  patch: readonly unknown[],
  key: string,
  schema: Schema | undefined,
): unknown[] {
  const replace = patch.some(isReplaceMarker);
  let result: unknown[] = replace ? [] : [...target];
  for (const item of patch) {
    if (isReplaceMarker(item)) continue;
    if (!isObject(item)) throw badRequest(`expected an object with the merge key ${key}`);
    const value = item[key];
    if (value === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const at = result.findIndex((other) => isObject(other) && jsonEqual(other[key], value));
    if (item['$patch'] === 'delete') {
      result = result.filter((_, index) => index !== at);
    } else if (at === -1) {
      result.push(mergeMap({}, { ...item, $patch: undefined }, schema?.items));
    } else {
      result[at] = mergeMap(result[at] as JsonObject, item, schema?.items);
    }
  }
  return result;
}

function union(target: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const result = [...target];
  for (const item of patch) if (!result.some((other) => jsonEqual(other, item))) result.push(item);
  return result;
}

function dropPrimitives(result: JsonObject, field: string, values: unknown): void {
  const list = result[field];
  if (Array.isArray(list) && Array.isArray(values)) result[field] = list.filter((item) => !values.includes(item));
}

/** Items named by the order come in that order; items that it does not name keep their place relative to the rest. */
function ordered(list: readonly unknown[], order: readonly unknown[], key: string | undefined): unknown[] {
  const identity = (item: unknown): unknown => (key !== undefined && isObject(item) ? item[key] : item);
  const wanted = order.map(identity);
  const rank = (item: unknown): number => wanted.findIndex((value) => jsonEqual(value, identity(item)));
  const named = list.filter((item) => rank(item) !== -1).sort((a, b) => rank(a) - rank(b));
  return list.map((item) => (rank(item) === -1 ? item : named.shift()));
}

function isReplaceMarker(item: unknown): boolean {
  return isObject(item) && item['$patch'] === 'replace';
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key, value]) => !key.startsWith('$') && value !== null));
}

function propertyOf(schema: Schema | undefined, key: string): Schema | undefined {
  const own = schema?.properties?.[key];
  if (own !== undefined) return own;
  return isObject(schema?.additionalProperties) ? (schema.additionalProperties as Schema) : metadataList(key);
}

/** Schemas seldom spell metadata out; its lists merge in every kind. */
function metadataList(key: string): Schema | undefined {
  if (key === 'finalizers') return { type: 'array', 'x-kubernetes-patch-strategy': 'merge' };
  if (key !== 'ownerReferences') return undefined;
  return { type: 'array', 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': 'uid' };
}

function strategiesOf(schema: Schema | undefined): string[] {
  return schema?.['x-kubernetes-patch-strategy']?.split(',') ?? [];
}

function mergeKeyOf(schema: Schema | undefined): string | undefined {
  return schema?.['x-kubernetes-patch-merge-key'];
}
