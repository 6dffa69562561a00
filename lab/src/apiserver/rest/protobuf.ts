// Protobuf request bodies. kubectl's typed commands (drain, create token, auth can-i, create namespace ...) send their
// objects so; the closed set of those kinds is decoded here by message tables, any other kind is refused with 415.
// Field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery.

import { badRequest, unsupportedMediaType } from '../errors/status.ts';
import type { ApiObject } from '../registry/types.ts';

type FieldType =
  'string' | 'int' | 'bool' | 'bytes' | 'time' | Message | { readonly mapOf: 'string' | 'bytes' | Message };
interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly repeated?: true;
}
/** Fields by number. */
type Message = Readonly<Record<number, Field>>;

const one = (name: string, type: FieldType = 'string'): Field => ({ name, type });
const many = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: true });
const stringMap = (name: string): Field => ({ name, type: { mapOf: 'string' } });
const bytesMap = (name: string): Field => ({ name, type: { mapOf: 'bytes' } });

const ownerReference: Message = {
  1: one('kind'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('controller', 'bool'),
  7: one('blockOwnerDeletion', 'bool'),
};
const metadata = one('metadata', {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  5: one('uid'),
  6: one('resourceVersion'),
  7: one('generation', 'int'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  10: one('deletionGracePeriodSeconds', 'int'),
  11: stringMap('labels'),
  12: stringMap('annotations'),
  13: many('ownerReferences', ownerReference),
  14: many('finalizers'),
});
const deleteOptions: Message = {
  1: one('gracePeriodSeconds', 'int'),
  2: one('preconditions', { 1: one('uid'), 2: one('resourceVersion') }),
  3: one('orphanDependents', 'bool'),
  4: one('propagationPolicy'),
  5: many('dryRun'),
};
const resourceAttributes: Message = {
  1: one('namespace'),
  2: one('verb'),
  3: one('group'),
  4: one('version'),
  5: one('resource'),
  6: one('subresource'),
  7: one('name'),
};
const nonResourceAttributes: Message = { 1: one('path'), 2: one('verb') };
const subjectAccessSpec: Message = {
  1: one('resourceAttributes', resourceAttributes),
  2: one('nonResourceAttributes', nonResourceAttributes),
  3: one('user'),
  4: many('groups'),
  5: { name: 'extra', type: { mapOf: { 1: many('items') } } },
  6: one('uid'),
};
const boundObject: Message = { 1: one('kind'), 2: one('apiVersion'), 3: one('name'), 4: one('uid') };
const objectReference: Message = {
  1: one('kind'),
  2: one('namespace'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
};
const policyRule: Message = {
  1: many('verbs'),
  2: many('apiGroups'),
  3: many('resources'),
  4: many('resourceNames'),
  5: many('nonResourceURLs'),
};
const subject: Message = { 1: one('kind'), 2: one('apiGroup'), 3: one('name'), 4: one('namespace') };
const roleRef: Message = { 1: one('apiGroup'), 2: one('kind'), 3: one('name') };
const binding: Message = { 1: metadata, 2: many('subjects', subject), 3: one('roleRef', roleRef) };
const role: Message = { 1: metadata, 2: many('rules', policyRule) };

const kinds: Readonly<Record<string, Message>> = {
  'v1/DeleteOptions': deleteOptions,
  'meta.k8s.io/v1/DeleteOptions': deleteOptions,
  'policy/v1/Eviction': { 1: metadata, 2: one('deleteOptions', deleteOptions) },
  'authentication.k8s.io/v1/TokenRequest': {
    1: metadata,
    2: one('spec', { 1: many('audiences'), 3: one('boundObjectRef', boundObject), 4: one('expirationSeconds', 'int') }),
  },
  'authentication.k8s.io/v1/TokenReview': { 1: metadata, 2: one('spec', { 1: one('token'), 2: many('audiences') }) },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: metadata },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': {
    1: metadata,
    2: one('spec', {
      1: one('resourceAttributes', resourceAttributes),
      2: one('nonResourceAttributes', nonResourceAttributes),
    }),
  },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: metadata, 2: one('spec', { 1: one('namespace') }) },
  'authorization.k8s.io/v1/SubjectAccessReview': { 1: metadata, 2: one('spec', subjectAccessSpec) },
  'authorization.k8s.io/v1/LocalSubjectAccessReview': { 1: metadata, 2: one('spec', subjectAccessSpec) },
  'v1/Namespace': { 1: metadata, 2: one('spec', { 1: many('finalizers') }) },
  'v1/ConfigMap': { 1: metadata, 2: stringMap('data'), 3: bytesMap('binaryData'), 4: one('immutable', 'bool') },
  'v1/Secret': {
    1: metadata,
    2: bytesMap('data'),
    3: one('type'),
    4: stringMap('stringData'),
    5: one('immutable', 'bool'),
  },
  'v1/ServiceAccount': {
    1: metadata,
    2: many('secrets', objectReference),
    3: many('imagePullSecrets', { 1: one('name') }),
    4: one('automountServiceAccountToken', 'bool'),
  },
  'v1/Binding': { 1: metadata, 2: one('target', objectReference) },
  'rbac.authorization.k8s.io/v1/Role': role,
  'rbac.authorization.k8s.io/v1/ClusterRole': role,
  'rbac.authorization.k8s.io/v1/RoleBinding': binding,
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': binding,
};

const magic = Buffer.from('k8s\0', 'latin1');
const envelope: Message = { 1: one('typeMeta', { 1: one('apiVersion'), 2: one('kind') }), 2: one('raw', 'bytes') };

/** Decodes the envelope `k8s\0` and the object in it; 415 for a kind without a table, 400 for broken bytes. */
export function decodeProtobuf(body: Buffer): ApiObject {
  if (!body.subarray(0, 4).equals(magic)) throw badRequest('the body is not a Kubernetes protobuf object');
  const outer = decode(body.subarray(4), envelope);
  const { apiVersion = '', kind = '' } = (outer['typeMeta'] ?? {}) as { apiVersion?: string; kind?: string };
  const message = kinds[`${apiVersion}/${kind}`];
  if (message === undefined) throw unsupportedMediaType(['application/json', 'application/yaml']);
  const raw = Buffer.from((outer['raw'] as string | undefined) ?? '', 'base64');
  return { kind, apiVersion, ...decode(raw, message) };
}

function decode(bytes: Buffer, message: Message): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = Number(readVarint(reader));
    const wire = tag & 7;
    const field = message[tag >>> 3];
    if (wire === 0) {
      const value = readVarint(reader);
      if (field !== undefined)
        put(result, field, field.type === 'bool' ? value !== 0n : Number(BigInt.asIntN(64, value)));
    } else if (wire === 2) {
      const length = Number(readVarint(reader));
      const part = bytes.subarray(reader.at, reader.at + length);
      if (part.length !== length) throw badRequest('truncated protobuf message');
      reader.at += length;
      if (field !== undefined) putPart(result, field, part);
    } else if (wire === 1 || wire === 5) {
      reader.at += wire === 1 ? 8 : 4;
    } else {
      throw badRequest(`unknown protobuf wire type ${wire}`);
    }
  }
  return result;
}

function putPart(result: Record<string, unknown>, field: Field, part: Buffer): void {
  if (typeof field.type === 'object' && 'mapOf' in field.type) {
    const { mapOf } = field.type as { mapOf: 'string' | 'bytes' | Message };
    const entry = decode(part, { 1: one('key'), 2: one('value', mapOf) });
    const map = (result[field.name] ??= {}) as Record<string, unknown>;
    map[String(entry['key'] ?? '')] = entry['value'] ?? '';
    return;
  }
  // Go writes every string, empty or not; JSON leaves empty ones out.
  if (field.type === 'string' && part.length === 0 && !field.repeated) return;
  const value = partValue(field.type, part);
  if (value !== undefined) put(result, field, value);
}

function partValue(type: FieldType, part: Buffer): unknown {
  if (type === 'string') return part.toString('utf8');
  if (type === 'bytes') return part.toString('base64');
  if (type === 'time') {
    const seconds = decode(part, { 1: one('seconds', 'int') })['seconds'];
    return seconds === undefined ? undefined : new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');
  }
  return typeof type === 'object' ? decode(part, type as Message) : undefined;
}

function put(result: Record<string, unknown>, field: Field, value: unknown): void {
  if (field.repeated) ((result[field.name] ??= []) as unknown[]).push(value);
  else result[field.name] = value;
}

function readVarint(reader: { readonly bytes: Buffer; at: number }): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined) throw badRequest('truncated protobuf message');
    reader.at += 1;
    value |= BigInt(byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) return value;
  }
  throw badRequest('a protobuf number is too long');
}
