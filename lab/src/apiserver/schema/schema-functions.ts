// The three functions on schemas that the REST core asks for: prune, applyDefaults, validate. Validation runs in
// Kubernetes' order: values, list uniqueness, then CEL rules, which are skipped (and said to be) after a blocking fault.
import type { ApiObject, FieldError, FieldErrorReason, Schema, SchemaFunctions } from '../registry/types.ts';
import { hasRules, validateRules } from '../cel/rules.ts';
import { applyDefaults } from './defaults.ts';
import { canonicalJson, isRecord } from './json.ts';
import { validateListTypes } from './list-types.ts';
import { indexPath, memberPath } from './path.ts';
import { mapListKey } from './list-types.ts';
import { prune } from './prune.ts';
import { validateValue } from './validate.ts';

/** After one of these the rules would only stumble over the same fault. */
const blocking: ReadonlySet<FieldErrorReason> = new Set([
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const rulesNotChecked: FieldError = {
  field: '<nil>',
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; ' +
    'correct the existing errors to complete validation',
};

function validate(schema: Schema, object: ApiObject, old: ApiObject | undefined): FieldError[] {
  const all = [...validateValue(schema, object, ''), ...validateListTypes(schema, object, '')];
  const errors = old ? withoutUnchanged(schema, all, object, old) : all;
  if (!hasRules(schema)) return errors;
  if (errors.some((error) => blocking.has(error.reason))) return [...errors, rulesNotChecked];
  return [...errors, ...validateRules(schema, object, old)];
}

/**
 * Ratcheting: a fault in a value that the update did not touch is forgiven, so that a tightened schema does not lock
 * objects that were stored before. Faults without a path, and absent required fields, are not forgiven where the
 * parent changed.
 */
function withoutUnchanged(
  schema: Schema,
  errors: readonly FieldError[],
  object: ApiObject,
  old: ApiObject,
): FieldError[] {
  if (errors.length === 0) return [];
  const unchanged = new Set<string>();
  collectUnchanged(schema, object, old, '', unchanged);
  return errors.filter((error) => !unchanged.has(error.field));
}

function collectUnchanged(schema: Schema, value: unknown, old: unknown, path: string, unchanged: Set<string>): boolean {
  const same = canonicalJson(value) === canonicalJson(old);
  if (same && path !== '') unchanged.add(path);
  if (isRecord(value) && isRecord(old)) {
    for (const [name, child] of Object.entries(value)) {
      const property =
        schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
      const rule = property ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {});
      collectUnchanged(rule, child, old[name], memberPath(path, name), unchanged);
    }
    if (same) for (const name of schema.required ?? []) unchanged.add(memberPath(path, name));
  } else if (Array.isArray(value) && Array.isArray(old)) {
    const listType = schema['x-kubernetes-list-type'];
    const rule = schema.items ?? {};
    if (listType === 'map') {
      const before = new Map(old.map((item: unknown) => [canonicalJson(mapListKey(schema, item)), item]));
      value.forEach((item: unknown, index) => {
        const match = before.get(canonicalJson(mapListKey(schema, item)));
        if (match !== undefined) collectUnchanged(rule, item, match, indexPath(path, index), unchanged);
      });
    } else if (same) {
      value.forEach((item: unknown, index) =>
        collectUnchanged(rule, item, old[index], indexPath(path, index), unchanged),
      );
    }
  }
  return same;
}

export const schemaFunctions: SchemaFunctions = { prune, applyDefaults, validate };
