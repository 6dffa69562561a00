// Which fields an object has, and which of them differ between two objects: the two questions behind field ownership.
// Pure.

import { isObject, jsonEqual, type JsonObject } from '../patch/json-value.ts';
import { fieldSet, type FieldPath, type FieldSet } from './field-set.ts';
import { effective, keyElement, valueElement, type Shape } from './shape.ts';

/** One place in an object: its path, its value if it is a leaf, and whether it is a container by itself. */
interface Place {
  readonly path: FieldPath;
  readonly value: unknown;
  readonly container: boolean;
  /** A container that the kind always has, so that its presence says nothing. */
  readonly always: boolean;
}

/** The fields that a manager applies with this object: leaves, items of lists, empty maps. */
export function fieldsOf(shape: Shape, object: unknown): FieldSet {
  const paths: FieldPath[] = [];
  visit(shape, object, [], false, (place, listItem) => {
    if (!place.container || listItem || isEmptyMap(place.value)) paths.push(place.path);
  });
  return fieldSet(paths);
}

export interface Difference {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Which fields came, changed and went. Containers that came count as fields of their own. */
export function compare(shape: Shape, before: unknown, after: unknown): Difference {
  const old = places(shape, before);
  const next = places(shape, after);
  const added: FieldPath[] = [];
  const modified: FieldPath[] = [];
  const removed: FieldPath[] = [];
  for (const [key, place] of next) {
    const was = old.get(key);
    if (was === undefined) {
      if (!place.always || !place.container) added.push(place.path);
    } else if (!place.container && !jsonEqual(was.value, place.value)) {
      modified.push(place.path);
    }
  }
  for (const [key, place] of old) if (!next.has(key)) removed.push(place.path);
  return { added: fieldSet(added), modified: fieldSet(modified), removed: fieldSet(removed) };
}

function places(shape: Shape, object: unknown): Map<string, Place> {
  const found = new Map<string, Place>();
  visit(shape, object, [], false, (place) => found.set(place.path.join('\u0000'), place));
  return found;
}

type Visitor = (place: Place, listItem: boolean) => void;

function visit(
  shape: Shape,
  value: unknown,
  path: FieldPath,
  always: boolean,
  visitor: Visitor,
  listItem = false,
): void {
  const here = effective(shape, value);
  if (path.length > 0) visitor({ path, value, container: here.kind !== 'atomic', always }, listItem);
  switch (here.kind) {
    case 'atomic':
      return;
    case 'map':
      for (const [name, member] of Object.entries(value as JsonObject)) {
        if (member === undefined) continue;
        const shapeOfMember = here.member(name);
        visit(shapeOfMember, member, [...path, `f:${name}`], here.always(name), visitor);
      }
      return;
    case 'keyed':
      for (const item of value as unknown[]) {
        const element = keyElement(here, item);
        if (element !== undefined) visit(here.item, item, [...path, element], false, visitor, true);
      }
      return;
    case 'set':
      for (const item of value as unknown[]) {
        visitor({ path: [...path, valueElement(item)], value: item, container: false, always: false }, true);
      }
  }
}

function isEmptyMap(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}
