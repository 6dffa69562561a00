// Who belongs to whom: every followed object of the cluster by uid, and its dependents.
// Promises: lookups in constant time and no leftovers of removed objects. It knows only what the watches have shown.
import type { OwnerReference } from '@idlewild/operator/kube/object.ts';
import type { ServedType } from '../discovery.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export interface GraphObject {
  readonly type: ServedType;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
}

/** True for an owner that waits for its blocking dependents to go first. */
export function isForeground(object: GraphObject): boolean {
  return object.deleting && object.finalizers.includes(FOREGROUND);
}

/** True for an owner whose dependents are to be set free. */
export function isOrphaning(object: GraphObject): boolean {
  return object.deleting && object.finalizers.includes(ORPHAN);
}

export class OwnershipGraph {
  readonly #objects = new Map<string, GraphObject>();
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphObject | undefined {
    return this.#objects.get(uid);
  }

  get size(): number {
    return this.#objects.size;
  }

  objects(): Iterable<GraphObject> {
    return this.#objects.values();
  }

  /** Adds or replaces; returns what was known before. */
  put(object: GraphObject): GraphObject | undefined {
    const previous = this.#unlink(object.uid);
    this.#objects.set(object.uid, object);
    for (const { uid } of object.owners) {
      const dependents = this.#dependents.get(uid) ?? new Set();
      this.#dependents.set(uid, dependents.add(object.uid));
    }
    return previous;
  }

  remove(uid: string): GraphObject | undefined {
    const previous = this.#unlink(uid);
    this.#objects.delete(uid);
    return previous;
  }

  dependentsOf(uid: string): readonly GraphObject[] {
    const found: GraphObject[] = [];
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const object = this.#objects.get(dependent);
      if (object) found.push(object);
    }
    return found;
  }

  #unlink(uid: string): GraphObject | undefined {
    const previous = this.#objects.get(uid);
    for (const owner of previous?.owners ?? []) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
    return previous;
  }
}
