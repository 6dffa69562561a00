// Small questions and changes on metadata: owners, finalizers, labels, deletion.
// Promises: pure; what is returned for writing is new, the input is never changed.

import { apiVersionOf } from '../kube/paths.ts';
import type { KubeObject, OwnerReference } from '../kube/object.ts';
import type { ResourceType } from './resources.ts';

/** An owner reference to `owner`; as its controller when asked, which an object can have only one of. */
export function ownerReference(
  type: ResourceType,
  owner: KubeObject,
  o: { readonly controller?: boolean; readonly blockOwnerDeletion?: boolean } = {},
): OwnerReference {
  const { name, uid } = owner.metadata;
  if (!uid) throw new TypeError(`uid: ${type.kind} "${name}" has none yet, so nothing can refer to it as its owner`);
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid, ...o };
}

/** The reference of the controlling owner, if any. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

export function isOwnedBy(object: KubeObject, ownerUid: string): boolean {
  return object.metadata.ownerReferences?.some((owner) => owner.uid === ownerUid) ?? false;
}

export function isBeingDeleted(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** The finalizers with one more; undefined when it is there already and nothing needs to be written. */
export function addFinalizer(object: KubeObject, finalizer: string): string[] | undefined {
  return hasFinalizer(object, finalizer) ? undefined : [...(object.metadata.finalizers ?? []), finalizer];
}

/** The finalizers without one; undefined when it is not there and nothing needs to be written. */
export function removeFinalizer(object: KubeObject, finalizer: string): string[] | undefined {
  return hasFinalizer(object, finalizer)
    ? (object.metadata.finalizers ?? []).filter((other) => other !== finalizer)
    : undefined;
}

export function labelOf(object: KubeObject, label: string): string | undefined {
  return object.metadata.labels?.[label];
}

export function annotationOf(object: KubeObject, annotation: string): string | undefined {
  return object.metadata.annotations?.[annotation];
}

/** Since when the object exists, ms since the epoch; undefined before it was stored. */
export function createdAtMs(object: KubeObject): number | undefined {
  const text = object.metadata.creationTimestamp;
  return text === undefined ? undefined : Date.parse(text);
}
