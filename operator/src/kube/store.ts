// The objects an informer knows, by key and by index.
// Promises: objects are deeply frozen and carry no managedFields; lookups cost no more than their answer. Only the informer
// writes (through StoreWriter); everybody else gets the reading side.

import { keyOf, type KubeObject } from './object.ts';

/** Index name to a function that says under which values an object is found. */
export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted';
  /** For "deleted": the last known state. */
  readonly object: T;
  /** For "updated": the state before. */
  readonly previous?: T;
}

/** A method, not a function property: so a store of a narrow kind may stand where one of any kind is wanted. */
interface Index<T> {
  valuesOf(object: T): readonly string[];
  readonly found: Map<string, Map<string, T>>;
}

export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor(indexes: Indexes<T> = {}) {
    for (const [name, valuesOf] of Object.entries(indexes)) this.#indexes.set(name, { valuesOf, found: new Map() });
  }

  get size(): number {
    return this.#objects.size;
  }

  /** @param key as made by `keyOf`: "namespace/name" or "name". */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** The objects that index function `index` files under `value`; throws on an index that was not declared. */
  byIndex(index: string, value: string): T[] {
    const declared = this.#indexes.get(index);
    if (!declared) {
      const known = [...this.#indexes.keys()].join(', ') || 'none';
      throw new RangeError(`index: "${index}" is not declared on this store (declared: ${known})`);
    }
    return [...(declared.found.get(value)?.values() ?? [])];
  }

  /** Stores an object as it came from the server (it is changed: frozen and stripped) and says what that amounts to. */
  set(object: T): Change<T>[] {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous && sameVersion(previous, object)) return [];
    delete object.metadata.managedFields;
    deepFreeze(object);
    if (previous) this.#unindex(key, previous);
    this.#objects.set(key, object);
    this.#index(key, object);
    if (!previous) return [{ type: 'added', object }];
    // The same name under another uid is another object: the old one is gone, though nobody told us.
    if (previous.metadata.uid !== object.metadata.uid) {
      return [
        { type: 'deleted', object: previous },
        { type: 'added', object },
      ];
    }
    return [{ type: 'updated', object, previous }];
  }

  /** Forgets the object of that key; the change carries `last` (the state at deletion) when the server sent it. */
  remove(key: string, last?: T): Change<T>[] {
    const known = this.#objects.get(key);
    if (!known) return [];
    this.#objects.delete(key);
    this.#unindex(key, known);
    if (last && last.metadata.uid === known.metadata.uid) {
      delete last.metadata.managedFields;
      return [{ type: 'deleted', object: deepFreeze(last) }];
    }
    return [{ type: 'deleted', object: known }];
  }

  /** Makes the store hold exactly these objects. */
  replace(objects: readonly T[]): Change<T>[] {
    const listed = new Set(objects.map((object) => keyOf(object)));
    const gone = this.keys().filter((key) => !listed.has(key));
    return [...gone.flatMap((key) => this.remove(key)), ...objects.flatMap((object) => this.set(object))];
  }

  #index(key: string, object: T): void {
    for (const index of this.#indexes.values()) {
      for (const value of index.valuesOf(object)) {
        let keys = index.found.get(value);
        if (!keys) index.found.set(value, (keys = new Map()));
        keys.set(key, object);
      }
    }
  }

  #unindex(key: string, object: T): void {
    for (const index of this.#indexes.values()) {
      for (const value of index.valuesOf(object)) {
        const keys = index.found.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.found.delete(value);
      }
    }
  }
}

function sameVersion(a: KubeObject, b: KubeObject): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    a.metadata.resourceVersion !== undefined &&
    a.metadata.resourceVersion === b.metadata.resourceVersion
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
