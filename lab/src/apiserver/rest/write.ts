// Creating and updating objects: decode checks, defaults, preparation, ownership, admission, validation, one write to
// the store. Every write of an object goes through the two functions here. Updates are retried on the newest state when
// another write came between, unless the client named a resourceVersion.

import { applyConfiguration, ownershipAfterUpdate, type Actor } from '../apply/apply.ts';
import { objectShape } from '../apply/shape.ts';
import type { ApiFailure } from '../errors/status.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  definitionTerminating,
  invalid,
  notFound,
  plainError,
} from '../errors/status.ts';
import { copyOf } from '../patch/json-value.ts';
import type { ApiObject, FieldError, ServedResource, User, WriteContext } from '../registry/types.ts';
import { decodeFault } from '../schema/decode.ts';
import { StaleWrite } from '../storage/store.ts';
import { generationOf } from './generation.ts';
import {
  generatedName,
  metadataForCreate,
  metadataForUpdate,
  metadataShapeComplaint,
  sameButForTimes,
  timestamp,
  validateMetadata,
} from './metadata.ts';
import type { WriteOptions } from './options.ts';
import { groupVersion, inVersion, inOrder, storageKey, toStored, type Parts } from './parts.ts';
import { pruneObject } from './prune-object.ts';

/** Where a write goes, by whom, and how. `warnings` collects texts for Warning headers. */
export interface WriteTarget {
  readonly resource: ServedResource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: User;
  readonly options: WriteOptions;
  readonly warnings: string[];
  /** The object is the outcome of a patch, which decides how a fault in its form is told. */
  readonly patch?: true;
}

const mostAttempts = 8;
/** What etcd takes in one request. */
const objectLimit = 1.5 * 1024 * 1024;

export async function createObject(
  parts: Parts,
  target: WriteTarget,
  body: ApiObject,
  duplicates: readonly string[] = [],
): Promise<ApiObject> {
  const { resource } = target;
  if (resource.terminating) throw definitionTerminating(resource);
  const given = checkIdentity(target, body);
  checkFields(parts, target, given, duplicates);
  if (given.metadata?.resourceVersion) throw plainError('resourceVersion should not be set on objects to be created');
  for (let attempt = 1; ; attempt += 1) {
    const candidate = await preparedForCreate(parts, target, copyOf(given));
    const name = candidate.metadata?.name ?? '';
    const taken = parts.store.get(storageKey(resource), target.namespace, name) !== undefined;
    if (!taken)
      return target.options.dryRun ? inOrder(resource, candidate) : storeObject(parts, resource, candidate, undefined);
    const generated = !given.metadata?.name && given.metadata?.generateName;
    if (!generated || attempt >= mostAttempts) throw alreadyExists(resource, name);
  }
}

async function preparedForCreate(parts: Parts, target: WriteTarget, object: ApiObject): Promise<ApiObject> {
  const { resource, namespace, user } = target;
  const now = timestamp(parts.clock.now());
  const base = object.metadata?.generateName ?? '';
  const name = object.metadata?.name || (base === '' ? '' : generatedName(base, parts.random));
  let next: ApiObject = { ...object };
  parts.schemas.applyDefaults(resource.schema, next);
  const set = { name, namespace: resource.namespaced ? namespace : '', uid: parts.newUid(), now };
  next.metadata = metadataForCreate(next.metadata ?? {}, set);
  const generation = generationOf(resource, next, undefined);
  if (generation !== undefined) next.metadata.generation = generation;
  const context = contextOf(parts, target);
  resource.prepareCreate(next, context);
  // An applied configuration brings its ownership along.
  if (object.metadata?.managedFields === undefined) {
    next = ownershipAfterUpdate(objectShape(resource.schema, resource), undefined, next, actorOf(parts, target, next));
  }
  const admission = {
    operation: 'CREATE' as const,
    resource,
    subresource: target.subresource,
    namespace,
    name,
    old: undefined,
    user,
    dryRun: target.options.dryRun,
    warnings: target.warnings,
  };
  const admitted = await parts.admission.mutate({ ...admission, object: next });
  if (admitted !== undefined && admitted !== next) {
    next = admitted;
    pruneObject(parts.schemas, resource, next);
    parts.schemas.applyDefaults(resource.schema, next);
  }
  validate(resource, next, undefined, context);
  await parts.admission.validate({ ...admission, object: next });
  return next;
}

/** What a transformation makes of the live object. */
export interface Transformed {
  readonly next: ApiObject;
  readonly duplicates?: readonly string[];
  /** Its managedFields are already those of the write (a server-side apply). */
  readonly owned?: boolean;
}

/**
 * Updates an object by a function of its present state, which may run several times. Answers the stored object; the
 * present one if nothing changed. Throws 404, 409, 422 and what admission throws.
 */
export async function updateObject(
  parts: Parts,
  target: WriteTarget,
  transform: (live: ApiObject) => Transformed,
): Promise<ApiObject> {
  const { resource, namespace, name } = target;
  for (let attempt = 1; ; attempt += 1) {
    const stored = parts.store.get(storageKey(resource), namespace, name);
    if (stored === undefined) throw notFound(resource, name);
    const live = inVersion(resource, stored);
    const transformed = transform(live);
    const version = transformed.next.metadata?.resourceVersion;
    if (version && version !== live.metadata?.resourceVersion) throw conflict(resource, name);
    const next = await preparedForUpdate(parts, target, live, transformed);
    if (sameButForTimes(next, live)) return live;
    if (target.options.dryRun) return inOrder(resource, next);
    try {
      return storeObject(parts, resource, next, stored);
    } catch (error) {
      if (!(error instanceof StaleWrite)) throw error;
      if (attempt >= mostAttempts) throw conflict(resource, name);
    }
  }
}

async function preparedForUpdate(
  parts: Parts,
  target: WriteTarget,
  live: ApiObject,
  transformed: Transformed,
): Promise<ApiObject> {
  const { resource, namespace, name, user, subresource } = target;
  let next = checkIdentity(target, copyOf(transformed.next));
  checkFields(parts, target, next, transformed.duplicates ?? []);
  parts.schemas.applyDefaults(resource.schema, next);
  const uid = next.metadata?.uid;
  if (uid && uid !== live.metadata?.uid) throw otherUid(target, uid, live);
  next.metadata = metadataForUpdate(next.metadata, live.metadata ?? {});
  const context = contextOf(parts, target);
  resource.prepareUpdate(next, live, context);
  if (!transformed.owned) {
    next = ownershipAfterUpdate(objectShape(resource.schema, resource), live, next, actorOf(parts, target, next));
  }
  const admission = {
    operation: 'UPDATE' as const,
    resource,
    subresource,
    namespace,
    name,
    old: live,
    user,
    dryRun: target.options.dryRun,
    warnings: target.warnings,
  };
  const admitted = await parts.admission.mutate({ ...admission, object: next });
  if (admitted !== undefined && admitted !== next) {
    next = admitted;
    pruneObject(parts.schemas, resource, next);
    parts.schemas.applyDefaults(resource.schema, next);
    resource.prepareUpdate(next, live, context);
  }
  const generation = generationOf(resource, next, live);
  if (generation !== undefined) next.metadata = { ...next.metadata, generation };
  validate(resource, next, live, context);
  await parts.admission.validate({ ...admission, object: next });
  return next;
}

/** The uid of an update names the object that is meant; that of a patch is a field that may not change. */
function otherUid({ resource, namespace, name, patch }: WriteTarget, uid: string, live: ApiObject): ApiFailure {
  if (patch) {
    const message = `Invalid value: ${JSON.stringify(uid)}: field is immutable`;
    return invalid(resource, name, [{ field: 'metadata.uid', reason: 'FieldValueInvalid', message }]);
  }
  const key = `/registry/${[resource.group, resource.plural, namespace, name].filter((part) => part !== '').join('/')}`;
  const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata?.uid ?? ''}`;
  const error = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`;
  return conflict(resource, name, error);
}

/** Server-side apply of a decoded configuration; creates the object if it is not there. */
export async function applyObject(
  parts: Parts,
  target: WriteTarget,
  config: ApiObject,
): Promise<{ object: ApiObject; created: boolean }> {
  const { resource, namespace, name, subresource } = target;
  if (config.metadata?.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  const shape = objectShape(resource.schema, resource);
  const unknown = pruneObject(parts.schemas, resource, copyOf(config));
  if (unknown.length > 0) {
    const kind = `${groupVersion(resource)}, Kind=${resource.kind}`;
    const fields = unknown.map((field) => `.${field}: field not declared in schema`).join('\n  ');
    const text = unknown.length === 1 ? fields : `errors:\n  ${fields}`;
    throw plainError(`failed to create typed patch object (${namespace}/${name}; ${kind}): ${text}`);
  }
  const present = parts.store.get(storageKey(resource), namespace, name);
  if (present === undefined) {
    if (subresource !== '') throw notFound(resource, name);
    const named = { ...config, metadata: { ...config.metadata, name: config.metadata?.name ?? name } };
    checkName(target, named);
    const applied = applyConfiguration(shape, undefined, named, actorOf(parts, target, named), target.options);
    return { object: await createObject(parts, target, applied), created: true };
  }
  const object = await updateObject(parts, target, (live) => ({
    next: applyConfiguration(shape, live, config, actorOf(parts, target, live), target.options),
    owned: true,
  }));
  return { object, created: false };
}

/** Writes the object, or removes it when this write took the last thing that held its deletion back. */
export function storeObject(
  parts: Parts,
  resource: ServedResource,
  next: ApiObject,
  stored: ApiObject | undefined,
): ApiObject {
  const form = toStored(resource, next);
  if (stored !== undefined && isFinished(resource, next)) {
    parts.store.remove(storageKey(resource), stored);
    return next;
  }
  if (JSON.stringify(form).length > objectLimit) throw plainError('etcdserver: request is too large');
  return inVersion(resource, parts.store.put(storageKey(resource), inOrder(resource, form), stored));
}

/** Being deleted, with no finalizer and no grace left. */
function isFinished(resource: ServedResource, object: ApiObject): boolean {
  const { metadata = {} } = object;
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0) return false;
  if (resource.group === '' && resource.plural === 'namespaces') {
    return ((object['spec'] as { finalizers?: string[] } | undefined)?.finalizers ?? []).length === 0;
  }
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** The object belongs to the URL: kind, version, namespace and name agree, or are filled in. */
function checkIdentity(target: WriteTarget, body: ApiObject): ApiObject {
  const { resource, namespace } = target;
  const version = groupVersion(resource);
  const object: ApiObject = { ...body };
  const complaint = metadataShapeComplaint(object);
  if (complaint !== undefined) throw cannotHandle(resource, complaint);
  if (!object.kind) object.kind = resource.kind;
  if (!object.apiVersion) object.apiVersion = version;
  if (object.apiVersion !== version) {
    throw badRequest(
      `the API version in the data (${String(object.apiVersion)}) does not match the expected API version (${version})`,
    );
  }
  if (object.kind !== resource.kind) {
    const message = `Invalid value: ${JSON.stringify(object.kind)}: must be ${resource.kind}`;
    throw invalid({ group: resource.group, kind: object.kind }, object.metadata?.name ?? '', [
      { field: 'kind', reason: 'FieldValueInvalid', message },
    ]);
  }
  if (resource.namespaced && object.metadata?.namespace && object.metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  checkName(target, object);
  const fault = resource.custom ? undefined : decodeFault(resource.schema, object, resource.kind);
  if (fault !== undefined) throw undecodable(target, object, fault);
  return object;
}

function checkName(target: WriteTarget, object: ApiObject): void {
  const given = object.metadata?.name;
  if (target.name !== '' && given && given !== target.name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${target.name})`);
  }
}

/** Prunes unknown fields and says so as the request wants: an error, warnings, or nothing. */
function checkFields(parts: Parts, target: WriteTarget, object: ApiObject, duplicates: readonly string[]): void {
  const unknown = pruneObject(parts.schemas, target.resource, object);
  const faults = [
    ...duplicates.map((field) => `duplicate field "${field}"`),
    ...unknown.map((field) => `unknown field "${field}"`),
  ];
  if (faults.length === 0 || target.options.fieldValidation === 'Ignore') return;
  if (target.options.fieldValidation === 'Warn') {
    for (const fault of faults) if (!target.warnings.includes(fault)) target.warnings.push(fault);
    return;
  }
  throw undecodable(target, object, `strict decoding error: ${faults.join(', ')}`);
}

/** What a client sent is a 400; what became of the stored object by a patch is a 422 that shows the whole outcome. */
function undecodable(target: WriteTarget, object: ApiObject, complaint: string): ApiFailure {
  if (!target.patch) return cannotHandle(target.resource, complaint);
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(object))}: ${complaint}`;
  return invalid({ group: '', kind: '' }, '', [{ field: 'patch', reason: 'FieldValueInvalid', message }]);
}

function cannotHandle(resource: ServedResource, why: string): ApiFailure {
  return badRequest(
    `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`,
  );
}

function validate(resource: ServedResource, next: ApiObject, old: ApiObject | undefined, context: WriteContext): void {
  const metadata = validateMetadata(resource, next, old);
  const rest = resource.validate(next, old, context);
  const errors = metadata.length === 0 ? rest : withRulesSkipped(resource, metadata, rest);
  // Events of both groups are validated in their older form, which has no group.
  const named = resource.group === 'events.k8s.io' ? { ...resource, group: '' } : resource;
  if (errors.length > 0) throw invalid(named, next.metadata?.name ?? '', errors);
}

/** A missing name counts as a fault of the schema, after which a custom resource's rules are not run. */
function withRulesSkipped(
  resource: ServedResource,
  metadata: readonly FieldError[],
  rest: readonly FieldError[],
): FieldError[] {
  const skipped: FieldError = {
    field: '<nil>',
    reason: 'FieldValueInvalid',
    message:
      'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  };
  const mentioned = rest.some((error) => error.field === '<nil>' && error.message === skipped.message);
  const missing = metadata.some((error) => error.reason === 'FieldValueRequired');
  return [...metadata, ...rest, ...(resource.custom && missing && !mentioned ? [skipped] : [])];
}

function contextOf(parts: Parts, target: WriteTarget): WriteContext {
  return { user: target.user, subresource: target.subresource, now: () => parts.clock.now() };
}

function actorOf(parts: Parts, target: WriteTarget, object: ApiObject): Actor {
  const { resource, subresource, options } = target;
  const outside = Object.keys(object).filter((field) => field !== 'status');
  const reset = subresource === 'status' ? outside : resource.statusSubresource ? ['status'] : [];
  // What a new namespace waits for at its end is set by the server.
  if (resource.group === '' && resource.plural === 'namespaces' && subresource === '') reset.push('spec');
  return {
    manager: options.fieldManager,
    apiVersion: groupVersion(resource),
    subresource,
    time: timestamp(parts.clock.now()),
    reset: reset.map((field) => [`f:${field}`]),
  };
}
