// How a built-in kind is described, and what all of them do alike: keep status and spec apart on writes, validate by
// schema, then by the kind's own rules. A kind's file says only what is its own.
import type {
  ApiObject,
  Column,
  FieldError,
  Scale,
  Schema,
  ServedResource,
  Subresource,
  Verb,
  WriteContext,
} from '../registry/types.ts';
import { copyOf } from '../patch/json-value.ts';
import { asString, isRecord, member, sameJson } from '../schema/json.ts';
import { schemaFunctions } from '../schema/schema-functions.ts';
import { definition } from './definitions.ts';

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** Created, seven characters wide at most: `5m`, `3d4h`; the table writer knows dates. */
export const ageColumn: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export interface KindDescription {
  readonly group: string;
  readonly version?: string;
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  /** Name of the schema's definition, e.g. `io.k8s.api.core.v1.Pod`. */
  readonly definition: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs?: readonly Verb[];
  readonly status?: boolean;
  readonly scale?: Scale;
  readonly subresources?: readonly Subresource[];
  readonly storageKey?: string;
  readonly columns?: readonly Column[];
  /** Selectable fields by name: the path of each inside the object, or a function. */
  readonly fields?: Readonly<Record<string, (object: ApiObject) => string>>;
  /** Keeps the status that a creation brings, as for nodes. */
  readonly keepStatusOnCreate?: boolean;
  /** Whether metadata.generation counts changes of this kind. */
  readonly generation?: boolean;
  prepareCreate?(object: ApiObject, context: WriteContext): void;
  prepareUpdate?(next: ApiObject, old: ApiObject, context: WriteContext): void;
  validate?(object: ApiObject, old: ApiObject | undefined, context: WriteContext): FieldError[];
  bumpsGeneration?(next: ApiObject, old: ApiObject): boolean;
  fromStorage?(object: ApiObject): ApiObject;
  toStorage?(object: ApiObject): ApiObject;
  gracePeriodSeconds?(object: ApiObject): number | undefined;
}

/** Text of the member at a dotted path; '' when absent. */
export function textAt(path: string): (object: ApiObject) => string {
  const names = path.split('.');
  return (object) => {
    const value = member(object, ...names);
    return typeof value === 'boolean' || typeof value === 'number' ? String(value) : asString(value);
  };
}

/** Puts `name` of `from` into `into`, or removes it there. */
export function takeOver(into: ApiObject, from: ApiObject, name: string): void {
  if (Object.hasOwn(from, name)) into[name] = copyOf(from[name]);
  else delete into[name];
}

export function defineKind(kind: KindDescription): ServedResource {
  const schema: Schema = definition(kind.definition);
  const split = kind.status === true;
  const fields = kind.fields ?? {};
  return {
    group: kind.group,
    version: kind.version ?? 'v1',
    plural: kind.plural,
    singular: kind.singular ?? kind.kind.toLowerCase(),
    kind: kind.kind,
    listKind: `${kind.kind}List`,
    shortNames: kind.shortNames ?? [],
    categories: kind.categories ?? [],
    namespaced: kind.namespaced,
    verbs: kind.verbs ?? allVerbs,
    statusSubresource: split,
    ...(kind.scale && { scale: kind.scale }),
    ...(kind.subresources && { subresources: kind.subresources }),
    ...(kind.storageKey !== undefined && { storageKey: kind.storageKey }),
    storageVersion: kind.version ?? 'v1',
    custom: false,
    schema,
    columns: kind.columns ?? [ageColumn],
    selectableFieldNames: Object.keys(fields),
    selectableFields: (object) =>
      Object.fromEntries(Object.entries(fields).map(([name, read]) => [name, read(object)])),
    prepareCreate(object, context) {
      dropNulls(schema, object);
      if (split && kind.keepStatusOnCreate !== true) delete object['status'];
      kind.prepareCreate?.(object, context);
    },
    prepareUpdate(next, old, context) {
      dropNulls(schema, next);
      if (split && context.subresource === 'status') takeOver(next, old, 'spec');
      else if (split) takeOver(next, old, 'status');
      kind.prepareUpdate?.(next, old, context);
    },
    validate(object, old, context) {
      const errors = schemaFunctions.validate(schema, object, old);
      return errors.length > 0 ? errors : (kind.validate?.(object, old, context) ?? []);
    },
    bumpsGeneration: kind.bumpsGeneration ?? ((next, old) => kind.generation === true && changed(next, old)),
    ...(kind.fromStorage && { fromStorage: kind.fromStorage }),
    ...(kind.toStorage && { toStorage: kind.toStorage }),
    ...(kind.gracePeriodSeconds && { gracePeriodSeconds: kind.gracePeriodSeconds }),
  };
}

/** Whether the write wants something else; in which order its members come does not matter. */
function changed(next: ApiObject, old: ApiObject): boolean {
  const rest = ({ apiVersion: _a, kind: _k, metadata: _m, status: _s, ...others }: ApiObject) => others;
  return !sameJson(rest(next), rest(old));
}

/** In a built-in kind null means absent, but not inside of what the schema leaves open. */
function dropNulls(schema: Schema | undefined, value: unknown): void {
  if (!schema || schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  if (Array.isArray(value)) for (const item of value) dropNulls(schema.items, item);
  if (!isRecord(value)) return;
  for (const [name, child] of Object.entries(value)) {
    if (child === null) delete value[name];
    else
      dropNulls(
        schema.properties?.[name] ??
          (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined),
        child,
      );
  }
}
