// Dropping unknown fields of a whole object, and what is not kept of known ones. Metadata is the same in every kind, whatever a schema says of it, so it is
// looked after here and the rest by the schema.

import type { ApiObject, SchemaFunctions, ServedResource } from '../registry/types.ts';
import { dropEmpties } from '../schema/empties.ts';

const metadataFields = new Set([
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
]);

/** Removes unknown fields in place and returns their paths, those of metadata first. */
export function pruneObject(schemas: SchemaFunctions, resource: ServedResource, object: ApiObject): string[] {
  const { metadata, ...rest } = object;
  const body: ApiObject = rest;
  const unknown = schemas.prune(resource.schema, body);
  // Definitions hold schemas, in which an empty list can mean something.
  if (!resource.custom && resource.group !== 'apiextensions.k8s.io') dropEmpties(resource.schema, body);
  for (const key of Object.keys(object)) if (key !== 'metadata' && !(key in body)) delete object[key];
  if (metadata === undefined) return unknown;
  const foreign = Object.keys(metadata).filter((field) => !metadataFields.has(field));
  if (foreign.length > 0) {
    object.metadata = Object.fromEntries(Object.entries(metadata).filter(([field]) => metadataFields.has(field)));
  }
  return [...foreign.map((field) => `metadata.${field}`), ...unknown];
}
