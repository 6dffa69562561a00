// What the server itself does with metadata: fills it in on creation, keeps what an update may not touch, and validates
// names, labels, annotations, finalizers and owners with Kubernetes' texts. Pure but for the ids and times handed in.

import { isObject, jsonEqual } from '../patch/json-value.ts';
import type { ApiObject, FieldError, FieldErrorReason, ObjectMeta, ServedResource } from '../registry/types.ts';
import { serverFields } from './server-fields.ts';

const generatedLength = 5;
const longestGeneratedBase = 63 - generatedLength;
/** Kubernetes' alphabet for generated names: no vowels, nothing that looks like another. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const annotationLimit = 256 * 1024;

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualifiedName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

/** RFC 3339 with whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** @param random 0 <= r < 1 */
export function generatedName(base: string, random: () => number): string {
  let suffix = '';
  for (let i = 0; i < generatedLength; i += 1) suffix += alphabet[Math.floor(random() * alphabet.length)] as string;
  return base.slice(0, longestGeneratedBase) + suffix;
}

/** Metadata of a new object: what the client may not set is taken from the server. */
export function metadataForCreate(
  given: ObjectMeta,
  set: { name: string; namespace: string; uid: string; now: string },
): ObjectMeta {
  const {
    uid: _uid,
    resourceVersion: _version,
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    selfLink: _link,
    ...kept
  } = given;
  const metadata: ObjectMeta = { ...kept, name: set.name };
  if (set.namespace === '') delete metadata.namespace;
  else metadata.namespace = set.namespace;
  metadata.uid = set.uid;
  metadata.creationTimestamp = set.now;
  return withoutEmpty(metadata);
}

/** Metadata of an update: the server's own fields stay as they are. */
export function metadataForUpdate(given: ObjectMeta | undefined, live: ObjectMeta): ObjectMeta {
  const metadata: Record<string, unknown> = { ...given };
  for (const field of serverFields) {
    if (live[field] === undefined) delete metadata[field];
    else metadata[field] = live[field];
  }
  return withoutEmpty(metadata);
}

/** Empty maps and lists, and nulls, are the same as absent ones. */
function withoutEmpty(metadata: ObjectMeta): ObjectMeta {
  const kept = Object.entries(metadata).filter(([field, value]) => {
    if (value === null || value === undefined || value === '') return false;
    // An empty managedFields list is a wish: forget who owns what.
    return field === 'managedFields' || typeof value !== 'object' || Object.keys(value).length > 0;
  });
  return Object.fromEntries(kept);
}

export function validateMetadata(
  resource: ServedResource,
  object: ApiObject,
  old: ApiObject | undefined,
): FieldError[] {
  const metadata = object.metadata ?? {};
  return [
    ...(old === undefined ? nameErrors(resource, metadata) : []),
    ...labelErrors(metadata.labels),
    ...annotationErrors(metadata.annotations),
    ...ownerErrors(metadata.ownerReferences),
    ...finalizerErrors(metadata, old?.metadata),
  ];
}

function nameErrors(resource: ServedResource, metadata: ObjectMeta): FieldError[] {
  const name = metadata.name ?? '';
  if (name === '') {
    return [error('metadata.name', 'FieldValueRequired', 'Required value: name or generateName is required')];
  }
  const complaint = nameComplaint(resource, name);
  return complaint === undefined ? [] : [invalidValue('metadata.name', name, complaint)];
}

function nameComplaint(resource: ServedResource, name: string): string | undefined {
  const of = `${resource.group}/${resource.plural}`;
  if (resource.group === 'rbac.authorization.k8s.io') {
    if (name === '.' || name === '..') return `may not be '${name}'`;
    const slash = ['/', '%'].find((mark) => name.includes(mark));
    return slash === undefined ? undefined : `may not contain '${slash}'`;
  }
  if (of === '/namespaces' || of === '/services') {
    if (name.length > 63) return 'must be no more than 63 characters';
    if (new RegExp(`^${label}$`).test(name)) return undefined;
    return `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`;
  }
  if (name.length > 253) return 'must be no more than 253 characters';
  if (new RegExp(`^${subdomain}$`).test(name)) return undefined;
  return `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`;
}

function labelErrors(labels: Record<string, string> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => {
    const errors = qualifiedNameErrors('metadata.labels', key);
    if (value.length > 63) errors.push(invalidValue('metadata.labels', value, 'must be no more than 63 characters'));
    else if (!new RegExp(`^${labelValue}$`).test(value)) {
      errors.push(
        invalidValue(
          'metadata.labels',
          value,
          `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${labelValue}')`,
        ),
      );
    }
    return errors;
  });
}

function annotationErrors(annotations: Record<string, string> | undefined): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) => qualifiedNameErrors('metadata.annotations', key.toLowerCase()));
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (size > annotationLimit) {
    const message = `Too long: may not be more than ${annotationLimit} bytes`;
    errors.push(error('metadata.annotations', 'FieldValueTooLong', message));
  }
  return errors;
}

function qualifiedNameErrors(field: string, key: string): FieldError[] {
  const slash = key.indexOf('/');
  const prefix = slash === -1 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !new RegExp(`^${subdomain}$`).test(prefix))) {
    const why = `prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`;
    return [invalidValue(field, key, why)];
  }
  if (name.length > 63) return [invalidValue(field, key, 'name part must be no more than 63 bytes')];
  if (new RegExp(`^${qualifiedName}$`).test(name)) return [];
  const why = `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualifiedName}')`;
  return [invalidValue(field, key, why)];
}

function ownerErrors(owners: ObjectMeta['ownerReferences']): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, owner] of (owners ?? []).entries()) {
    const at = `metadata.ownerReferences[${index}]`;
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (!owner[field]) errors.push(invalidValue(`${at}.${field}`, owner[field] ?? '', 'must not be empty'));
    }
  }
  const controllers = (owners ?? []).filter((owner) => owner.controller);
  const [first, second] = controllers;
  if (first !== undefined && second !== undefined) {
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    errors.push(invalidValue('metadata.ownerReferences', (owners ?? []).map(ownerInOrder), why));
  }
  return errors;
}

/** The member order of Go's struct, which the message shows. */
function ownerInOrder(owner: NonNullable<ObjectMeta['ownerReferences']>[number]): unknown {
  const { apiVersion, kind, name, uid, ...rest } = owner;
  return { apiVersion, kind, name, uid, ...rest };
}

function finalizerErrors(metadata: ObjectMeta, old: ObjectMeta | undefined): FieldError[] {
  const finalizers = metadata.finalizers ?? [];
  const errors = finalizers.flatMap((finalizer, index) =>
    qualifiedNameErrors(`metadata.finalizers[${index}]`, finalizer),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const why = 'finalizer orphan and foregroundDeletion cannot be both set';
    errors.push(invalidValue('metadata.finalizers', finalizers, why));
  }
  if (old?.deletionTimestamp !== undefined) {
    const fresh = finalizers.filter((finalizer) => !(old.finalizers ?? []).includes(finalizer));
    if (fresh.length > 0) {
      const list = fresh.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      const why = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
      errors.push(error('metadata.finalizers', 'FieldValueForbidden', why));
    }
  }
  return errors;
}

/** Metadata that is no object, or labels that are no strings, would break every later step: 400 texts, or undefined. */
export function metadataShapeComplaint(object: ApiObject): string | undefined {
  const { metadata } = object as { metadata?: unknown };
  if (metadata === undefined) return undefined;
  if (!isObject(metadata))
    return 'json: cannot unmarshal non-object into Go struct field .metadata of type v1.ObjectMeta';
  for (const field of ['labels', 'annotations']) {
    const map = metadata[field];
    if (map === undefined || map === null) continue;
    if (!isObject(map))
      return `json: cannot unmarshal into Go struct field ObjectMeta.metadata.${field} of type map[string]string`;
    const wrong = Object.values(map).find((value) => typeof value !== 'string');
    if (wrong !== undefined) {
      const type = wrong === true || wrong === false ? 'bool' : typeof wrong;
      return `json: cannot unmarshal ${type} into Go struct field ObjectMeta.metadata.${field} of type string`;
    }
  }
  for (const field of ['finalizers', 'ownerReferences', 'managedFields']) {
    const list = metadata[field];
    if (list !== undefined && list !== null && !Array.isArray(list)) {
      return `json: cannot unmarshal into Go struct field ObjectMeta.metadata.${field} of type array`;
    }
  }
  for (const field of ['name', 'namespace', 'generateName', 'uid', 'resourceVersion']) {
    const text = metadata[field];
    if (text !== undefined && text !== null && typeof text !== 'string') {
      return `json: cannot unmarshal ${typeof text} into Go struct field ObjectMeta.metadata.${field} of type string`;
    }
  }
  return undefined;
}

/** Whether two objects are the same but for when managers last acted. */
export function sameButForTimes(a: ApiObject, b: ApiObject): boolean {
  const timeless = (object: ApiObject): ApiObject => ({
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: (object.metadata?.managedFields ?? []).map(({ time: _time, ...entry }) => entry),
    } as ObjectMeta,
  });
  return jsonEqual(timeless(a), timeless(b));
}

function invalidValue(field: string, value: unknown, why: string): FieldError {
  return error(field, 'FieldValueInvalid', `Invalid value: ${JSON.stringify(value)}: ${why}`);
}

function error(field: string, reason: FieldErrorReason, message: string): FieldError {
  return { field, reason, message };
}
