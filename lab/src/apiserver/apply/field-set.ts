// Sets of field paths, as server-side apply keeps them for each manager, and their FieldsV1 form. A path is a list of
// elements: `f:name` a member, `k:{...}` a list item by its keys, `v:...` a set item by its value. Pure; sets handed out
// are never changed.

import type { FieldsV1 } from '../registry/types.ts';

export type FieldPath = readonly string[];

/** Keyed by the joined path, so that equal paths are one. */
export type FieldSet = ReadonlyMap<string, FieldPath>;

const separator = '\u0000';

export const noFields: FieldSet = new Map();

export function fieldSet(paths: Iterable<FieldPath>): FieldSet {
  return new Map([...paths].map((path) => [path.join(separator), path]));
}

export function hasPath(set: FieldSet, path: FieldPath): boolean {
  return set.has(path.join(separator));
}

export function union(...sets: readonly FieldSet[]): FieldSet {
  return new Map(sets.flatMap((set) => [...set]));
}

export function difference(set: FieldSet, other: FieldSet): FieldSet {
  return new Map([...set].filter(([key]) => !other.has(key)));
}

export function intersection(set: FieldSet, other: FieldSet): FieldSet {
  return new Map([...set].filter(([key]) => other.has(key)));
}

/** Without the paths that are, or lie below, one of the prefixes. */
export function withoutBelow(set: FieldSet, prefixes: readonly FieldPath[]): FieldSet {
  return new Map([...set].filter(([, path]) => !prefixes.some((prefix) => isBelow(path, prefix))));
}

/** Whether the path is the prefix or lies below it. */
export function isBelow(path: FieldPath, prefix: FieldPath): boolean {
  return prefix.length <= path.length && prefix.every((element, index) => path[index] === element);
}

export function sameFields(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

/** The trie form: a path that ends where others go on is marked with `.`, and comes first. */
export function toFieldsV1(set: FieldSet): FieldsV1 {
  const root: FieldsV1 = {};
  const keys = [...set.keys()].sort();
  keys.forEach((key, index) => {
    const path = set.get(key) as FieldPath;
    let node = root;
    for (const element of path) node = node[element] ??= {};
    // The separator sorts before every other character: a path that goes on from here is the very next one.
    if (keys[index + 1]?.startsWith(key + separator)) node['.'] = {};
  });
  return root;
}

export function fromFieldsV1(fields: FieldsV1): FieldSet {
  const paths: FieldPath[] = [];
  const walk = (node: FieldsV1, path: FieldPath): void => {
    const members = Object.keys(node);
    if (path.length > 0 && (members.length === 0 || node['.'] !== undefined)) paths.push(path);
    for (const member of members) if (member !== '.') walk(node[member] as FieldsV1, [...path, member]);
  };
  walk(fields, []);
  return fieldSet(paths);
}

/** `.spec.parts[name="x"].count`, as a conflict names a field. */
export function describePath(path: FieldPath): string {
  return path
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith('f:')) return `.${text}`;
      if (element.startsWith('v:')) return `[=${text}]`;
      const keys = JSON.parse(text) as Record<string, unknown>;
      return `[${Object.keys(keys)
        .sort()
        .map((key) => `${key}=${JSON.stringify(keys[key])}`)
        .join(',')}]`;
    })
    .join('');
}
