// From a stored CustomResourceDefinition to the resources that it makes served: one per served version. Custom
// resources are stored in the storage version; conversion changes nothing but apiVersion, and what is older than the definition is
// brought up to it when it is read, as Kubernetes does.
import { ageColumn, takeOver } from '../builtin/kind.ts';
import { objectMetaName, objectMetaSchema } from '../builtin/definitions.ts';
import { nameDefinition } from '../builtin/type-definitions.ts';
import type { ApiObject, Column, FieldError, Scale, Schema, ServedResource, Verb } from '../registry/types.ts';
import { copyOf, jsonEqual } from '../patch/json-value.ts';
import { asArray, asRecord, asString, isRecord, member } from '../schema/json.ts';
import { schemaFunctions } from '../schema/schema-functions.ts';
import { findByJsonPath } from './json-path.ts';
import { conditionStatus, namesOf } from './names.ts';

/** In the order in which Kubernetes lists them for custom kinds. */
const customVerbs: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];

/** Nothing for a CRD whose names were not accepted, or that is being removed. */
export function resourcesOf(crd: ApiObject): ServedResource[] {
  if (conditionStatus(crd, 'Established') !== 'True') return [];
  const versions = asArray(member(crd, 'spec', 'versions')).map(asRecord);
  const storage = asString(versions.find((version) => version['storage'] === true)?.['name']);
  return versions
    .filter((version) => version['served'] === true)
    .sort(byPriority)
    .map((version) => served(crd, version, storage));
}

/** v2 before v1 before v1beta1 before v1alpha1, then others by name. */
export function compareVersions(a: string, b: string): number {
  const rank = (name: string): readonly number[] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(name);
    if (!match) return [0, 0, 0];
    const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [left, right] = [rank(a), rank(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (right[i] ?? 0) - (left[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function byPriority(a: Record<string, unknown>, b: Record<string, unknown>): number {
  return compareVersions(asString(a['name']), asString(b['name']));
}

/** The CRD's schema with the members that every object has. */
function fullSchema(version: Record<string, unknown>): Schema {
  const schema = asRecord(member(version, 'schema', 'openAPIV3Schema')) as Schema;
  const head: Record<string, Schema> = {
    apiVersion: { type: 'string', description: 'APIVersion names the API group and version of this object.' },
    kind: { type: 'string', description: 'Kind names the type of this object.' },
    metadata: nameDefinition({ ...objectMetaSchema, description: "Standard object's metadata." }, objectMetaName),
  };
  const selectable = asArray(version['selectableFields']).map((field) => ({
    fieldPath: asString(member(field, 'jsonPath')).replace(/^\./, ''),
  }));
  return {
    ...schema,
    properties: { ...schema.properties, ...head },
    ...(selectable.length > 0 && { 'x-kubernetes-selectable-fields': selectable }),
  };
}

function columnsOf(version: Record<string, unknown>): readonly Column[] {
  const columns = asArray(version['additionalPrinterColumns']).map(asRecord);
  if (columns.length === 0) return [ageColumn];
  return columns.map((column) => ({
    name: asString(column['name']),
    type: asString(column['type']) as Column['type'],
    jsonPath: asString(column['jsonPath']),
    ...(typeof column['format'] === 'string' && { format: column['format'] }),
    ...(typeof column['description'] === 'string' && { description: column['description'] }),
    ...(typeof column['priority'] === 'number' && { priority: column['priority'] }),
  }));
}

function scaleOf(version: Record<string, unknown>): Scale | undefined {
  const scale = member(version, 'subresources', 'scale');
  if (!isRecord(scale)) return undefined;
  const label = asString(scale['labelSelectorPath']);
  return {
    specReplicasPath: asString(scale['specReplicasPath']),
    statusReplicasPath: asString(scale['statusReplicasPath']),
    ...(label !== '' && { labelSelectorPath: label }),
  };
}

function served(crd: ApiObject, version: Record<string, unknown>, storageVersion: string): ServedResource {
  const names = namesOf(member(crd, 'status', 'acceptedNames'));
  const group = asString(member(crd, 'spec', 'group'));
  const name = asString(version['name']);
  const schema = fullSchema(version);
  const split = isRecord(member(version, 'subresources', 'status'));
  const scale = scaleOf(version);
  const paths = asArray(version['selectableFields']).map((field) => asString(member(field, 'jsonPath')));
  const apiVersion = `${group}/${name}`;
  return {
    group,
    version: name,
    plural: names.plural,
    singular: names.singular,
    kind: names.kind,
    listKind: names.listKind,
    shortNames: names.shortNames,
    categories: names.categories,
    namespaced: member(crd, 'spec', 'scope') === 'Namespaced',
    verbs: customVerbs,
    statusSubresource: split,
    ...(scale && { scale }),
    storageVersion,
    custom: true,
    ...(crd.metadata?.deletionTimestamp !== undefined && { terminating: true }),
    schema,
    ...(version['deprecated'] === true && {
      deprecationWarning: asString(version['deprecationWarning']) || deprecationOf(crd, name),
    }),
    columns: columnsOf(version),
    selectableFieldNames: paths.map((path) => path.replace(/^\./, '')),
    selectableFields: (object) =>
      Object.fromEntries(paths.map((path) => [path.replace(/^\./, ''), String(findByJsonPath(path, object)[0] ?? '')])),
    prepareCreate(object) {
      if (split) delete object['status'];
    },
    prepareUpdate(next, old, context) {
      if (!split) return;
      if (context.subresource === 'status') keepAllBut('status', next, old);
      else takeOver(next, old, 'status');
    },
    validate: (object, old, context) => {
      const errors = schemaFunctions.validate(schema, object, old);
      return context.subresource === 'status' ? errors.map(asStatusFault) : errors;
    },
    bumpsGeneration: (next, old) => !jsonEqual(counted(next, split), counted(old, split)),
    fromStorage: (object) => readBy(crd, schema, { ...object, apiVersion }),
    toStorage: (object) => ({ ...object, apiVersion: `${group}/${storageVersion}` }),
  };
}

/** Says which version to use instead, if there is a better one. */
function deprecationOf(crd: ApiObject, version: string): string {
  const [group, kind] = [asString(member(crd, 'spec', 'group')), asString(member(crd, 'spec', 'names', 'kind'))];
  const [better] = asArray(member(crd, 'spec', 'versions'))
    .filter((other) => member(other, 'served') === true && member(other, 'deprecated') !== true)
    .map((other) => asString(member(other, 'name')))
    .filter((other) => compareVersions(other, version) < 0)
    .sort(compareVersions);
  const instead = better === undefined ? '' : `; use ${group}/${better} ${kind}`;
  return `${group}/${version} ${kind} is deprecated${instead}`;
}

/**
 * What was stored before the definition was last written is read as if it had been written since: without fields that are not
 * known any more, and with the defaults of those that are new. What came later is so already.
 */
function readBy(crd: ApiObject, schema: Schema, object: ApiObject): ApiObject {
  if (versionOf(object) > versionOf(crd)) return object;
  const { metadata, ...rest } = object;
  const body: ApiObject = structuredClone(rest);
  schemaFunctions.prune(schema, body);
  schemaFunctions.applyDefaults(schema, body);
  return { ...body, ...(metadata !== undefined && { metadata }) };
}

const versionOf = ({ metadata }: ApiObject): number => Number(metadata?.resourceVersion ?? 0);

/** Kubernetes validates a status apart: the field is whole, the text begins below `status`. */
function asStatusFault(error: FieldError): FieldError {
  const { field, message } = error;
  return field.startsWith('status.')
    ? { ...error, message: message.replace(`${field} in body`, `${field.slice('status.'.length)} in body`) }
    : error;
}

/** What metadata.generation counts: everything but metadata, and but status where it is split off. */
function counted(object: ApiObject, split: boolean): unknown {
  const { metadata: _metadata, apiVersion: _apiVersion, ...rest } = object;
  if (split) delete rest['status'];
  return rest;
}

/** A write to the status subresource moves the status alone; of metadata, only managedFields and the version ride along. */
function keepAllBut(field: string, next: ApiObject, old: ApiObject): void {
  for (const name of new Set([...Object.keys(next), ...Object.keys(old)])) {
    if (name !== field && name !== 'metadata' && name !== 'apiVersion') takeOver(next, old, name);
  }
  const { managedFields, resourceVersion } = next.metadata ?? {};
  next.metadata = copyOf(old.metadata ?? {});
  if (managedFields) next.metadata.managedFields = managedFields;
  if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
}
