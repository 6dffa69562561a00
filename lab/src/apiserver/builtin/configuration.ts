// Secrets, config maps and service accounts: data that other objects refer to. Secrets answer in base64 only;
// `stringData` is folded in at write time. Immutable ones stay as they are.
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { forbidden, invalid, required } from '../schema/errors.ts';
import { isBase64 } from '../schema/formats.ts';
import { asArray, asRecord, asString, sameJson } from '../schema/json.ts';
import { ageColumn, defineKind, textAt } from './kind.ts';

const keyShape = /^[-._a-zA-Z0-9]{1,253}$/;
const maxBytes = 1024 * 1024;

function count(...maps: readonly unknown[]): number {
  return maps.reduce<number>((sum, map) => sum + Object.keys(asRecord(map)).length, 0);
}

function validateData(object: ApiObject, fields: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const field of fields) {
    for (const [key, value] of Object.entries(asRecord(object[field]))) {
      bytes += asString(value).length;
      if (!keyShape.test(key))
        errors.push(
          invalid(
            `${field}[${key}]`,
            key,
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
          ),
        );
    }
  }
  if (bytes > maxBytes * 1.4)
    errors.push({
      field: fields[0] ?? '',
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${maxBytes} bytes`,
    });
  return errors;
}

/** An immutable object keeps its data and its immutability. */
function validateImmutable(next: ApiObject, old: ApiObject | undefined, fields: readonly string[]): FieldError[] {
  if (old?.['immutable'] !== true) return [];
  const errors = fields
    .filter((field) => !sameJson(next[field] ?? {}, old[field] ?? {}))
    .map((field) => forbidden(field, 'field is immutable when `immutable` is set'));
  if (next['immutable'] !== true) errors.unshift(forbidden('immutable', 'field is immutable when `immutable` is set'));
  return errors;
}

function foldStringData(secret: ApiObject): void {
  const plain = asRecord(secret['stringData']);
  delete secret['stringData'];
  if (Object.keys(plain).length === 0) return;
  const encoded = Object.entries(plain).map(([key, value]) => [key, Buffer.from(asString(value)).toString('base64')]);
  secret['data'] = { ...asRecord(secret['data']), ...Object.fromEntries(encoded) };
}

export const secrets: ServedResource = defineKind({
  group: '',
  plural: 'secrets',
  kind: 'Secret',
  definition: 'io.k8s.api.core.v1.Secret',
  namespaced: true,
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.type' },
    { name: 'Data', type: 'string', value: (secret) => count(secret['data']) },
    ageColumn,
  ],
  fields: { type: textAt('type') },
  prepareCreate: foldStringData,
  prepareUpdate: foldStringData,
  validate(secret, old) {
    const errors = [...validateData(secret, ['data']), ...validateImmutable(secret, old, ['data'])];
    for (const [key, value] of Object.entries(asRecord(secret['data']))) {
      if (!isBase64(asString(value)))
        errors.push(invalid(`data[${key}]`, '<secret contents redacted>', 'must be base64'));
    }
    if (old && secret['type'] !== old['type']) errors.push(invalid('type', secret['type'], 'field is immutable'));
    if (secret['type'] === 'kubernetes.io/service-account-token') {
      const name = secret.metadata?.annotations?.['kubernetes.io/service-account.name'];
      if (name === undefined || name === '')
        errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
    }
    return errors;
  },
});

export const configMaps: ServedResource = defineKind({
  group: '',
  plural: 'configmaps',
  kind: 'ConfigMap',
  definition: 'io.k8s.api.core.v1.ConfigMap',
  namespaced: true,
  shortNames: ['cm'],
  columns: [{ name: 'Data', type: 'string', value: (map) => count(map['data'], map['binaryData']) }, ageColumn],
  validate: (map, old) => [
    ...validateData(map, ['data', 'binaryData']),
    ...validateImmutable(map, old, ['data', 'binaryData']),
  ],
});

export const serviceAccounts: ServedResource = defineKind({
  group: '',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  definition: 'io.k8s.api.core.v1.ServiceAccount',
  namespaced: true,
  shortNames: ['sa'],
  subresources: [
    { name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  ],
  columns: [{ name: 'Secrets', type: 'string', value: (account) => asArray(account['secrets']).length }, ageColumn],
});
