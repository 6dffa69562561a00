// What a write must agree with, and how Kubernetes refuses it when it does not.
// Facts: k8s.io/apiserver pkg/registry/generic/registry/store.go, apimachinery pkg/api/validation/objectmeta.go.

import type { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { ObjectRef } from '@idlewild/operator/kube/object.ts';
import { conflict, invalid } from './failures.ts';
import { equal, type JsonObject } from './json.ts';
import type { ApiObject, ServedKind } from './kinds.ts';
import type { DeleteRequest } from './memory-api.ts';

/** The order of members does not matter; `but` says which ones are left out of account, besides what names the kind. */
export function sameMembers(a: JsonObject, b: JsonObject, but: readonly string[]): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every(
    (name) => but.includes(name) || name === 'kind' || name === 'apiVersion' || equal(a[name], b[name]),
  );
}

/** Throws 409. */
export function checkPreconditions(
  { type }: ServedKind,
  live: ApiObject,
  o: NonNullable<DeleteRequest['preconditions']>,
) {
  const { uid = '', resourceVersion = '', name } = live.metadata;
  if (o.uid !== undefined && o.uid !== uid) {
    const why = `the UID in the precondition (${o.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(type, name, why, type.kind);
  }
  if (o.resourceVersion !== undefined && o.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${o.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw conflict(type, name, why, type.kind);
  }
}

/** The refusal of a write for another object of that name: an update means the one it names, a patch changes a field. */
export function otherUid(
  { type }: ServedKind,
  ref: ObjectRef,
  asked: string,
  { metadata: { uid = '' } }: ApiObject,
  verb: 'patch' | 'update',
): KubeError {
  if (verb === 'patch') {
    const message = `Invalid value: ${JSON.stringify(asked)}: field is immutable`;
    return invalid(type, ref.name, 'metadata.uid', 'FieldValueInvalid', message);
  }
  const key = ['/registry', type.group, type.plural, ref.namespace ?? '', ref.name].filter((part) => part !== '');
  const why = `Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uid}`;
  const text = `StorageError: invalid object, Code: 4, Key: ${key.join('/')}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`;
  return conflict(type, ref.name, text);
}

/** Throws 422. */
export function checkFinalizers({ type }: ServedKind, ref: ObjectRef, next: readonly string[], live: ApiObject): void {
  if (live.metadata.deletionTimestamp === undefined) return;
  const fresh = next.filter((finalizer) => !(live.metadata.finalizers ?? []).includes(finalizer));
  if (fresh.length === 0) return;
  const list = fresh.map((finalizer) => JSON.stringify(finalizer)).join(', ');
  const why = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  throw invalid(type, ref.name, 'metadata.finalizers', 'FieldValueForbidden', why);
}
