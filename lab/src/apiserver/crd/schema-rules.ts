// What a CRD's schema must look like to be structural, and which keywords Kubernetes forbids in one. Tells every fault
// with the path of the schema, as the server does when a CRD is created.
import { compileFault } from '../cel/rules.ts';
import type { FieldError, Schema } from '../registry/types.ts';
import { forbidden, invalid, notSupported, required } from '../schema/errors.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { asArray, isRecord, stringsOf } from '../schema/json.ts';
import { prune } from '../schema/prune.ts';
import { validateValue } from '../schema/validate.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** Keywords of JSON schema that a structural schema may not use. */
const banned = ['$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id', '$schema'];

/** All faults of the schema at `path` (`spec.versions[0].schema.openAPIV3Schema`). */
export function schemaFaults(schema: unknown, path: string): FieldError[] {
  if (!isRecord(schema)) return [required(path)];
  const errors = faultsOf(schema, path, { root: true, insideLogic: false });
  if (schema['type'] !== 'object')
    errors.unshift(invalid(`${path}.type`, schema['type'] ?? '', 'must be object at the root'));
  return errors;
}

interface Place {
  readonly root: boolean;
  /** Below allOf, anyOf, oneOf, not: only value validation may be said there. */
  readonly insideLogic: boolean;
}

function faultsOf(schema: Schema & Record<string, unknown>, path: string, place: Place): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of banned)
    if (schema[name] !== undefined) errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
  if (schema.uniqueItems === true)
    errors.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  errors.push(...typeFaults(schema, path, place), ...valueFaults(schema, path), ...listFaults(schema, path));
  asArray(schema['x-kubernetes-validations']).forEach((rule, index) =>
    errors.push(...ruleFaults(rule, `${path}.x-kubernetes-validations[${index}]`)),
  );
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (place.root && name === 'metadata') errors.push(...metadataFaults(child, `${path}.properties[metadata]`));
    else errors.push(...childFaults(child, `${path}.properties[${name}]`, place.insideLogic));
  }
  if (isRecord(schema.additionalProperties)) {
    if (schema.properties)
      errors.push(
        forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
      );
    errors.push(...childFaults(schema.additionalProperties, `${path}.additionalProperties`, place.insideLogic));
  }
  if (schema.items !== undefined) errors.push(...childFaults(schema.items, `${path}.items`, place.insideLogic));
  for (const logic of ['allOf', 'anyOf', 'oneOf'] as const) {
    asArray(schema[logic]).forEach((part, index) =>
      errors.push(...childFaults(part, `${path}.${logic}[${index}]`, true)),
    );
  }
  if (schema.not !== undefined) errors.push(...childFaults(schema.not, `${path}.not`, true));
  return errors;
}

function childFaults(child: unknown, path: string, insideLogic: boolean): FieldError[] {
  return isRecord(child)
    ? faultsOf(child, path, { root: false, insideLogic })
    : [invalid(path, child, 'must be a schema')];
}

function typeFaults(schema: Schema, path: string, place: Place): FieldError[] {
  const { type } = schema;
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  if (type !== undefined && !types.includes(type)) return [notSupported(`${path}.type`, type, types)];
  if (place.insideLogic) {
    if (
      type !== undefined &&
      !intOrString &&
      schema.properties === undefined &&
      type !== 'integer' &&
      type !== 'string'
    )
      return [forbidden(`${path}.type`, 'must be empty to be structural')];
    return ['description', 'default', 'nullable']
      .filter((name) => schema[name as keyof Schema] !== undefined)
      .map((name) => forbidden(`${path}.${name}`, 'must be undefined to be structural'));
  }
  if (intOrString && type !== undefined)
    return [forbidden(`${path}.type`, 'must be empty if x-kubernetes-int-or-string is true')];
  if (type === undefined && !intOrString && schema['x-kubernetes-preserve-unknown-fields'] !== true)
    return [required(`${path}.type`, 'must not be empty for specified object fields')];
  if (type === 'array' && schema.items === undefined) return [required(`${path}.items`, 'must be specified')];
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    return [invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined')];
  return [];
}

function metadataFaults(schema: unknown, path: string): FieldError[] {
  const allowed = new Set(['type', 'description', 'properties', 'title']);
  const extra = Object.keys(isRecord(schema) ? schema : {}).filter((name) => !allowed.has(name));
  return extra.map((name) => forbidden(`${path}.${name}`, 'must not be specified for metadata'));
}

function valueFaults(schema: Schema & Record<string, unknown>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.pattern !== undefined) {
    try {
      new RegExp(schema.pattern, 'u');
    } catch (error) {
      errors.push(
        invalid(
          `${path}.pattern`,
          schema.pattern,
          `must be a valid regular expression, but isn't: ${error instanceof Error ? error.message : String(error)}`,
        ),
      );
    }
  }
  if (schema.default !== undefined && errors.length === 0) errors.push(...defaultFaults(schema, path));
  return errors;
}

/** A default must itself satisfy the schema, after its own nested defaults. */
function defaultFaults(schema: Schema, path: string): FieldError[] {
  const value: unknown = structuredClone(schema.default);
  if (isRecord(value)) {
    const dropped = prune(schema, value);
    if (dropped.length > 0) return [invalid(`${path}.default`, schema.default, 'must not have unknown fields')];
  }
  applyDefaults(schema, value);
  return validateValue(schema, value, `${path}.default`);
}

function listFaults(schema: Schema, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = stringsOf(schema['x-kubernetes-list-map-keys']);
  if (listType === undefined)
    return keys.length > 0
      ? [invalid(`${path}.x-kubernetes-list-type`, '', 'must be map if x-kubernetes-list-map-keys is non-empty')]
      : [];
  if (!['atomic', 'set', 'map'].includes(listType))
    return [notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set'])];
  if (schema.type !== 'array')
    return [invalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified')];
  if (listType !== 'map') return [];
  if (keys.length === 0)
    return [required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map')];
  const items = schema.items ?? {};
  return keys.flatMap((key, index) => {
    if (!items.properties || !Object.hasOwn(items.properties, key))
      return [
        invalid(`${path}.x-kubernetes-list-map-keys[${index}]`, key, 'entries must all be names of item properties'),
      ];
    const certain = (items.required ?? []).includes(key) || items.properties[key]?.default !== undefined;
    return certain
      ? []
      : [
          required(
            `${path}.items.properties[${key}].default`,
            'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
          ),
        ];
  });
}

function ruleFaults(rule: unknown, path: string): FieldError[] {
  const { rule: expression, message, messageExpression, reason, optionalOldSelf } = isRecord(rule) ? rule : {};
  if (typeof expression !== 'string' || expression.trim() === '')
    return [required(`${path}.rule`, 'rule is not specified')];
  const errors: FieldError[] = [];
  const fault = compileFault(expression, 'bool', optionalOldSelf === true);
  if (fault !== undefined) errors.push(invalid(`${path}.rule`, expression, fault));
  if (typeof messageExpression === 'string') {
    const messageFault = compileFault(messageExpression, 'string', optionalOldSelf === true);
    if (messageFault !== undefined)
      errors.push(invalid(`${path}.messageExpression`, messageExpression, `messageExpression ${messageFault}`));
  }
  if (typeof message === 'string' && (message.trim() === '' || message.includes('\n')))
    errors.push(invalid(`${path}.message`, message, 'message must be non-empty and without line breaks'));
  const reasons = ['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'];
  if (reason !== undefined && !reasons.includes(String(reason)))
    errors.push(notSupported(`${path}.reason`, reason, reasons));
  return errors;
}
