// x-kubernetes-validations: compiles rules once, walks an object with its schema and tells which rules it breaks.
// Transition rules (those that name oldSelf) run only where an old value can be matched: members of objects, values of
// maps and items of map lists, never items of other lists. Unchanged values are not held against an update.
import { Environment, Optional } from '@marcbachmann/cel-js';
import type { ParseResult } from '@marcbachmann/cel-js';
import type { FieldError, Schema, ValidationRule } from '../registry/types.ts';
import { jsonEqual } from '../patch/json-value.ts';
import { canonicalJson, isRecord } from '../schema/json.ts';
import { mapListKey } from '../schema/list-types.ts';
import { indexPath, memberPath } from '../schema/path.ts';
import { registerKubernetesLibrary } from './library.ts';
import { toCel } from './values.ts';
import { complaintOf } from './complaint.ts';

interface Dialect {
  readonly environment: Environment;
  readonly compiled: Map<string, ParseResult>;
}

function dialect(oldSelfType: string): Dialect {
  const base = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  const environment = registerKubernetesLibrary(
    base.registerVariable('self', 'dyn').registerVariable('oldSelf', oldSelfType),
  );
  return { environment, compiled: new Map() };
}

const plain = dialect('dyn');
/** For rules with optionalOldSelf. */
const withOptionalOld = dialect('optional<dyn>');

function dialectOf(rule: Pick<ValidationRule, 'optionalOldSelf'>): Dialect {
  return rule.optionalOldSelf === true ? withOptionalOld : plain;
}

function compile({ environment, compiled }: Dialect, expression: string): ParseResult {
  let program = compiled.get(expression);
  if (!program) compiled.set(expression, (program = environment.parse(expression)));
  return program;
}

/** Why the expression cannot be used, or undefined when it compiles. */
export function compileFault(
  expression: string,
  returns: 'bool' | 'string',
  optionalOldSelf = false,
): string | undefined {
  try {
    const result = dialectOf({ optionalOldSelf }).environment.check(expression);
    if (!result.valid) return `compilation failed: ${complaintOf(result.error)}`;
    if (result.type !== returns && result.type !== 'dyn') return `must evaluate to a ${returns}, not ${result.type}`;
    return undefined;
  } catch (error) {
    return `compilation failed: ${complaintOf(error)}`;
  }
}

const withRules = new WeakMap<Schema, boolean>();

/** Whether the schema or any schema below it carries a rule. */
export function hasRules(schema: Schema): boolean {
  const known = withRules.get(schema);
  if (known !== undefined) return known;
  withRules.set(schema, false); // schemas of built-in kinds may contain themselves
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  const found =
    (schema['x-kubernetes-validations']?.length ?? 0) > 0 ||
    children.some((child) => typeof child === 'object' && hasRules(child));
  withRules.set(schema, found);
  return found;
}

interface Place {
  readonly schema: Schema;
  readonly path: string;
  readonly value: unknown;
  /** The matching old value; undefined when there is none or it cannot be matched. */
  readonly old: unknown;
  readonly updating: boolean;
}

/** All broken rules of the object; `old` is the stored object of an update. */
export function validateRules(schema: Schema, object: unknown, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  walk({ schema, path: '', value: object, old, updating: old !== undefined }, errors);
  return errors;
}

function walk(place: Place, errors: FieldError[]): void {
  const { schema, path, value, old, updating } = place;
  if (value === null || value === undefined || !hasRules(schema)) return;
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length > 0) {
    const unchanged = updating && old !== undefined && jsonEqual(value, old);
    const cel = celOf(place, unchanged);
    for (const rule of rules) {
      const error = checkRule(rule, place, unchanged, cel);
      if (error) errors.push(error);
    }
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return;
    const before = schema['x-kubernetes-list-type'] === 'map' && Array.isArray(old) ? oldByKey(schema, old) : undefined;
    value.forEach((item: unknown, index) => {
      const match = before?.get(canonicalJson(mapListKey(schema, item)));
      walk({ schema: items, path: indexPath(path, index), value: item, old: match, updating }, errors);
    });
  } else if (isRecord(value)) {
    const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
    for (const [name, child] of Object.entries(value)) {
      const property = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : extra;
      const before = isRecord(old) ? old[name] : undefined;
      if (property)
        walk({ schema: property, path: memberPath(path, name), value: child, old: before, updating }, errors);
    }
  }
}

const transitions = new Map<string, boolean>();

function namesOldSelf(expression: string): boolean {
  let known = transitions.get(expression);
  if (known === undefined) transitions.set(expression, (known = /\boldSelf\b/.test(expression)));
  return known;
}

function oldByKey(schema: Schema, old: readonly unknown[]): Map<string, unknown> {
  return new Map(old.map((item) => [canonicalJson(mapListKey(schema, item)), item]));
}

/** The values of a place as the rules see them, made when the first rule asks; no rule can change them. */
function celOf({ schema, value, old }: Place, unchanged: boolean): { self(): unknown; oldSelf(): unknown } {
  let self: { readonly made: unknown } | undefined;
  let oldSelf: { readonly made: unknown } | undefined;
  const selfOf = (): unknown => (self ??= { made: toCel(schema, value) }).made;
  return {
    self: selfOf,
    oldSelf: () => (unchanged ? selfOf() : (oldSelf ??= { made: toCel(schema, old) }).made),
  };
}

function checkRule(
  rule: ValidationRule,
  place: Place,
  unchanged: boolean,
  cel: { self(): unknown; oldSelf(): unknown },
): FieldError | undefined {
  const transition = namesOldSelf(rule.rule);
  if (transition && place.old === undefined && rule.optionalOldSelf !== true) return undefined;
  if (!transition && unchanged) return undefined;
  const field =
    rule.fieldPath === undefined
      ? place.path
      : place.path + rule.fieldPath.replace(/^\./, place.path === '' ? '' : '.');
  const self = cel.self();
  const oldValue = place.old === undefined ? undefined : cel.oldSelf();
  const variables: Record<string, unknown> = { self };
  if (rule.optionalOldSelf === true) variables['oldSelf'] = Optional.of(oldValue);
  else if (oldValue !== undefined) variables['oldSelf'] = oldValue;
  try {
    if (compile(dialectOf(rule), rule.rule)(variables) === true) return undefined;
  } catch (error) {
    const shown = `${jsonKind(place.value)}: ${complaintOf(error)} evaluating rule: ${rule.message ?? rule.rule}`;
    return fault(rule, field, shown, place.value);
  }
  return fault(rule, field, messageOf(rule, variables), place.value);
}

function jsonKind(value: unknown): string {
  return Array.isArray(value) ? '"array"' : `"${typeof value}"`;
}

function messageOf(rule: ValidationRule, variables: Record<string, unknown>): string {
  if (rule.messageExpression !== undefined) {
    try {
      const text: unknown = compile(dialectOf(rule), rule.messageExpression)(variables);
      if (typeof text === 'string' && text.trim() !== '' && !text.includes('\n')) return text;
    } catch {
      // Kubernetes falls back to the fixed message when the expression fails.
    }
  }
  return rule.message ?? `failed rule: ${rule.rule.trim()}`;
}

function fault(rule: ValidationRule, field: string, message: string, value: unknown): FieldError {
  const at = field === '' ? '<nil>' : field;
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return { field: at, reason: rule.reason, message: `Forbidden: ${message}` };
    case 'FieldValueRequired':
      return { field: at, reason: rule.reason, message: `Required value: ${message}` };
    case 'FieldValueDuplicate':
      return { field: at, reason: rule.reason, message: `Duplicate value: ${JSON.stringify(value)}` };
    default:
      return { field: at, reason: 'FieldValueInvalid', message: `Invalid value: ${message}` };
  }
}
