// Schemas as OpenAPI documents carry them: named definitions become references, the server's own markers become the
// forms that kubectl reads. Collects every definition that was referred to.
import { definitionNameOf } from '../builtin/type-definitions.ts';
import type { Schema } from '../registry/types.ts';

export interface SchemaWriter {
  /** `#/components/schemas/` or `#/definitions/` */
  readonly prefix: string;
  /** Referred definitions, in the order they were met. */
  readonly referred: Map<string, Schema>;
}

/** The document form of a schema that stands where it is written, not as a reference. */
export function writeSchema(writer: SchemaWriter, schema: Schema): Record<string, unknown> {
  const { properties, items, additionalProperties, nullable, ...rest } = schema;
  const out: Record<string, unknown> = { ...rest };
  if (
    nullable === true &&
    definitionNameOf(schema) === undefined &&
    rest.format !== 'date-time' &&
    rest.format !== 'micro-time'
  )
    out['nullable'] = true;
  if (schema['x-kubernetes-int-or-string'] === true && schema.anyOf === undefined) {
    out['oneOf'] = [{ type: 'integer' }, { type: 'string' }];
    out['format'] = schema.format ?? 'int-or-string';
  }
  if (schema.format === 'micro-time') out['format'] = 'date-time';
  if (properties && Object.keys(properties).length > 0) {
    out['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, child]) => [name, writeMember(writer, child)]),
    );
  }
  if (items) out['items'] = writeMember(writer, items);
  if (typeof additionalProperties === 'object') out['additionalProperties'] = writeMember(writer, additionalProperties);
  else if (additionalProperties !== undefined) out['additionalProperties'] = additionalProperties;
  return out;
}

const said: readonly (keyof Schema)[] = [
  'description',
  'default',
  'x-kubernetes-list-type',
  'x-kubernetes-patch-strategy',
  'x-kubernetes-map-type',
];

function writeMember(writer: SchemaWriter, schema: Schema): Record<string, unknown> {
  const name = definitionNameOf(schema);
  if (name === undefined) return writeSchema(writer, schema);
  refer(writer, name, schema);
  const extra = Object.fromEntries(said.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]]));
  return { ...extra, allOf: [{ $ref: writer.prefix + name }] };
}

/** Notes the definition as needed, and returns the reference to it. */
export function refer(writer: SchemaWriter, name: string, schema: Schema): { $ref: string } {
  if (!writer.referred.has(name)) writer.referred.set(name, schema);
  return { $ref: writer.prefix + name };
}

/** Writes every referred definition, and those that they refer to in turn. */
export function writeDefinitions(
  writer: SchemaWriter,
  find: (name: string) => Schema | undefined,
): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (let found = true; found;) {
    found = false;
    for (const [name, schema] of writer.referred) {
      if (Object.hasOwn(written, name)) continue;
      written[name] = writeSchema(writer, find(name) ?? schema);
      found = true;
    }
  }
  return written;
}
