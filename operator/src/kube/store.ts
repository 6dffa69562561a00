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

export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes: Indexes<T>;
  readonly #indexed = new Map<string, Map<string, Map<string, T>>>();

  constructor(indexes: Indexes<T> = {}) {
    this.#indexes = indexes;
    for (const name of Object.keys(indexes)) this.#indexed.set(name, new Map());
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
    const values = this.#indexed.get(index);
    if (!values) {
      const known = Object.keys(this.#indexes).join(', ') || 'none';
      throw new RangeError(`index: "${index}" is not declared on this store (declared: ${known})`);
    }
    return [...(values.get(value)?.values() ?? [])];
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
    for (const [name, valuesOf] of Object.entries(this.#indexes)) {
      const values = this.#indexed.get(name);
      if (!values) continue;
      for (const value of valuesOf(object)) {
        let keys = values.get(value);
        if (!keys) values.set(value, (keys = new Map()));
        keys.set(key, object);
      }
    }
  }

  #unindex(key: string, object: T): void {
    for (const [name, valuesOf] of Object.entries(this.#indexes)) {
      const values = this.#indexed.get(name);
      for (const value of valuesOf(object)) {
        const keys = values?.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values?.delete(value);
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
