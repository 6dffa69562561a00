// Garbage collection of the API in memory, by owners and by namespaces, a moment after the write that calls for it.
// Promises: an object goes when none of its owners is left; with propagation Foreground the owner waits for those dependents
// that block it, with Orphan they lose it; a namespace goes when everything in it is gone.
// Facts: kube-controller-manager pkg/controller/garbagecollector and pkg/controller/namespace.

import type { OwnerReference } from '@idlewild/operator/kube/object.ts';
import { keyOf, refOf } from '@idlewild/operator/kube/object.ts';
import type { ApiObject, ServedKind } from './kinds.ts';
import type { MemoryApi, Write } from './memory-api.ts';
import { foreground, orphan } from './metadata.ts';

interface Place {
  readonly kind: ServedKind;
  readonly key: string;
}

export class GarbageCollector {
  readonly #api: MemoryApi;
  readonly #delayMs: number;
  readonly #places = new Map<string, Place>();
  /** Uids of dependents, by the uid of an owner. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #due = new Set<string>();

  constructor(api: MemoryApi, delayMs: number) {
    this.#api = api;
    this.#delayMs = delayMs;
  }

  saw({ type, kind, object, previous }: Write): void {
    const { uid = '', ownerReferences: owners = [] } = object.metadata;
    if (type === 'ADDED') this.#places.set(uid, { kind, key: keyOf(object) });
    if (type === 'DELETED') this.#places.delete(uid);
    if (kind.type.plural === 'namespaces' && type === 'MODIFIED' && object.metadata.deletionTimestamp !== undefined) {
      this.#laterEmpty(object.metadata.name);
    }
    const before = previous?.metadata.ownerReferences ?? [];
    if (type === 'DELETED') for (const owner of before) this.#unfile(owner, uid);
    else if (before !== owners) {
      for (const owner of before) this.#unfile(owner, uid);
      for (const owner of owners) this.#file(owner, uid);
      if (owners.length > 0 && !owners.some((owner) => this.#places.has(owner.uid))) this.#later(uid);
    }
    if (type === 'DELETED') {
      for (const dependent of this.#dependents.get(uid) ?? []) this.#later(dependent);
      for (const owner of before) if (this.#waitsForDependents(owner.uid)) this.#later(owner.uid);
    } else if (object.metadata.deletionTimestamp !== undefined) {
      if (object.metadata.finalizers?.some((each) => each === foreground || each === orphan)) this.#later(uid);
    }
  }

  #file({ uid }: OwnerReference, dependent: string): void {
    const known = this.#dependents.get(uid);
    if (known) known.add(dependent);
    else this.#dependents.set(uid, new Set([dependent]));
  }

  #unfile({ uid }: OwnerReference, dependent: string): void {
    const known = this.#dependents.get(uid);
    known?.delete(dependent);
    if (known?.size === 0) this.#dependents.delete(uid);
  }

  #later(uid: string): void {
    if (this.#due.has(uid)) return;
    this.#due.add(uid);
    this.#api.clock.setTimeout(() => {
      this.#due.delete(uid);
      this.#collect(uid);
    }, this.#delayMs);
  }

  #laterEmpty(namespace: string): void {
    this.#api.clock.setTimeout(() => this.#empty(namespace), this.#delayMs);
  }

  /** Until what finalizers hold is gone, too. */
  #empty(namespace: string): void {
    let left = 0;
    for (const type of this.#api.namespacedTypes()) {
      for (const { metadata } of this.#api.list(type)) {
        if (metadata.namespace !== namespace) continue;
        left += 1;
        if (metadata.deletionTimestamp === undefined) this.#api.delete(type, { namespace, name: metadata.name });
      }
    }
    if (left === 0) this.#api.removeNamespace(namespace);
    else this.#laterEmpty(namespace);
  }

  #objectOf(uid: string): (Place & { readonly object: ApiObject }) | undefined {
    const place = this.#places.get(uid);
    const object = place && this.#api.get(place.kind.type, refOf(place.key));
    return place && object ? { ...place, object } : undefined;
  }

  #waitsForDependents(uid: string): boolean {
    return this.#objectOf(uid)?.object.metadata.finalizers?.includes(foreground) === true;
  }

  #collect(uid: string): void {
    const found = this.#objectOf(uid);
    if (!found) return;
    const { kind, key, object } = found;
    const { deletionTimestamp, finalizers = [], ownerReferences: owners = [] } = object.metadata;
    const dependents = [...(this.#dependents.get(uid) ?? [])].flatMap((each) => this.#objectOf(each) ?? []);
    const release = (finalizer: string): void => {
      const rest = finalizers.filter((each) => each !== finalizer);
      this.#api.patch(kind.type, refOf(key), { metadata: { finalizers: rest.length === 0 ? null : rest } });
    };
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(orphan)) {
        for (const dependent of dependents) this.#disown(dependent, uid);
        release(orphan);
      } else if (finalizers.includes(foreground)) {
        const blocking = dependents.filter(({ object: { metadata } }) =>
          metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
        );
        if (blocking.length === 0) release(foreground);
        for (const each of blocking) {
          if (each.object.metadata.deletionTimestamp === undefined) this.#api.delete(each.kind.type, refOf(each.key));
        }
      }
      return;
    }
    if (owners.length === 0 || owners.some((owner) => this.#places.has(owner.uid))) return;
    this.#api.delete(kind.type, refOf(key), { propagationPolicy: 'Background', preconditions: { uid } });
  }

  #disown({ kind, key, object }: Place & { readonly object: ApiObject }, owner: string): void {
    const rest = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner);
    this.#api.patch(kind.type, refOf(key), { metadata: { ownerReferences: rest.length === 0 ? null : rest } });
  }
}
