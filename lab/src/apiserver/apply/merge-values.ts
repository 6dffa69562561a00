// The two structural steps of server-side apply: laying an applied configuration over the live object, and taking away
// what a manager applied before and applies no longer. Pure; inputs are kept.

import { isObject, jsonEqual, type JsonObject } from '../patch/json-value.ts';
import { type FieldPath, type FieldSet, hasPath, isBelow } from './field-set.ts';
import { effective, keyElement, valueElement, type Shape } from './shape.ts';

/** `config` over `live`: maps and keyed lists merge, sets unite, everything else is replaced. null removes a member. */
export function mergeApplied(shape: Shape, live: unknown, config: unknown): unknown {
  const here = effective(shape, config);
  if (live === undefined || effective(shape, live).kind !== here.kind) return config;
  switch (here.kind) {
    case 'atomic':
      return config;
    case 'map': {
      const merged: JsonObject = { ...(live as JsonObject) };
      for (const [name, value] of Object.entries(config as JsonObject)) {
        if (value === null) delete merged[name];
        else merged[name] = mergeApplied(here.member(name), merged[name], value);
      }
      return merged;
    }
    case 'set': {
      const items = [...(live as unknown[])];
      for (const item of config as unknown[]) if (!items.some((other) => jsonEqual(other, item))) items.push(item);
      return items;
    }
    case 'keyed': {
      const items = [...(live as unknown[])];
      for (const item of config as unknown[]) {
        const element = keyElement(here, item);
        const at = items.findIndex((other) => element !== undefined && keyElement(here, other) === element);
        if (at === -1) items.push(item);
        else items[at] = mergeApplied(here.item, items[at], item);
      }
      return items;
    }
  }
}

/** Removes the fields; containers that this leaves empty go with them. `kept` holds fields that must stay. */
export function removeFields(shape: Shape, object: unknown, fields: FieldSet, kept: FieldSet): unknown {
  const doomed = [...fields.values()].filter((path) => ![...kept.values()].some((other) => isBelow(other, path)));
  return doomed.length === 0 ? object : pruned(shape, object, [], doomed, fields);
}

function pruned(shape: Shape, value: unknown, path: FieldPath, doomed: readonly FieldPath[], all: FieldSet): unknown {
  const here = effective(shape, value);
  const touched = (at: FieldPath): readonly FieldPath[] => doomed.filter((other) => isBelow(other, at));
  const goes = (at: FieldPath, below: readonly FieldPath[]): boolean =>
    hasPath(all, at) && below.some((other) => other.length === at.length);
  const descend = (inner: Shape, item: unknown, at: FieldPath): unknown => {
    const below = touched(at);
    if (below.length === 0) return item;
    if (goes(at, below)) return undefined;
    const left = pruned(inner, item, at, below, all);
    return isEmptyContainer(left) ? undefined : left;
  };
  switch (here.kind) {
    case 'atomic':
      return value;
    case 'map': {
      const result: JsonObject = {};
      for (const [name, member] of Object.entries(value as JsonObject)) {
        const left = descend(here.member(name), member, [...path, `f:${name}`]);
        if (left !== undefined) result[name] = left;
      }
      return result;
    }
    case 'keyed':
      return (value as unknown[]).flatMap((item) => {
        const element = keyElement(here, item);
        if (element === undefined) return [item];
        const left = descend(here.item, item, [...path, element]);
        return left === undefined ? [] : [left];
      });
    case 'set':
      return (value as unknown[]).filter((item) => touched([...path, valueElement(item)]).length === 0);
  }
}

function isEmptyContainer(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}
