// What the REST core works with, built once by the server and handed to every operation. And the one place that knows how
// a served version of an object relates to its stored form.

import type { Logger } from 'pino';
import type { ApiObject, Auth, Registry, SchemaFunctions, ServedResource, User } from '../registry/types.ts';
import type { Store } from '../storage/store.ts';

export interface Parts {
  readonly store: Store;
  readonly registry: Registry;
  readonly schemas: SchemaFunctions;
  readonly auth: Auth;
  readonly admission: Admission;
  /** Milliseconds since the epoch. */
  readonly clock: { now(): number };
  readonly log: Logger;
  readonly newUid: () => string;
  /** 0 <= r < 1 */
  readonly random: () => number;
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly resource: ServedResource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The object of the request; absent for a deletion. An eviction's is the Eviction. */
  readonly object: ApiObject | undefined;
  readonly old: ApiObject | undefined;
  readonly user: User;
  readonly dryRun: boolean;
  /** Texts for Warning headers. */
  readonly warnings: string[];
}

/** What may change or refuse a write between the client and the store. Refusals are thrown as ApiFailure. */
export interface Admission {
  mutate(request: AdmissionRequest): Promise<ApiObject | undefined>;
  validate(request: AdmissionRequest): Promise<void>;
}

export function groupVersion(resource: Pick<ServedResource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The name under which a resource's objects are kept, whatever the version. */
export function storageKey(resource: ServedResource): string {
  return resource.storageKey ?? `${resource.group}/${resource.plural}`;
}

/** By stored object, then by resource: a definition that is written anew is another resource. */
const converted = new WeakMap<ApiObject, WeakMap<ServedResource, ApiObject>>();

/** A stored object as the version shows it. Shared: must not be changed. */
export function inVersion(resource: ServedResource, stored: ApiObject): ApiObject {
  const version = groupVersion(resource);
  if (stored.apiVersion === version && resource.fromStorage === undefined) return stored;
  let versions = converted.get(stored);
  if (versions === undefined) converted.set(stored, (versions = new WeakMap<ServedResource, ApiObject>()));
  let object = versions.get(resource);
  if (object === undefined) {
    object = { ...(resource.fromStorage?.(stored) ?? stored), apiVersion: version };
    versions.set(resource, object);
  }
  return object;
}

/** The form in which an object of the version is stored. */
export function toStored(resource: ServedResource, object: ApiObject): ApiObject {
  if (resource.toStorage !== undefined) return resource.toStorage(object);
  const version = groupVersion({ group: resource.group, version: resource.storageVersion });
  return object.apiVersion === version ? object : { ...object, apiVersion: version };
}

/** The members in the order in which Kubernetes writes them: the head first, kind before apiVersion for built-in kinds. */
export function inOrder(resource: ServedResource, object: ApiObject): ApiObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const head = resource.custom ? { apiVersion, kind, metadata } : { kind, apiVersion, metadata };
  return { ...head, ...rest } as ApiObject;
}
