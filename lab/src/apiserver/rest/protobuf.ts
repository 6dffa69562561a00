// Protobuf request bodies: the wire format read by message tables. A kind without a table is refused with 415, broken bytes
// with 400. Answers are never protobuf; clients that send it take JSON too.

import { badRequest, unsupportedMediaType } from '../errors/status.ts';
import type { ApiObject } from '../registry/types.ts';
import { messages, one, type Field, type FieldType, type Message } from './protobuf-messages.ts';

const magic = Buffer.from('k8s\0', 'latin1');
const envelope: Message = { 1: one('typeMeta', { 1: one('apiVersion'), 2: one('kind') }), 2: one('raw', 'bytes') };

const intOrString: Message = { 1: one('type', 'int'), 2: one('int', 'int'), 3: one('text') };

/** Decodes the envelope `k8s\0` and the object in it; 415 for a kind without a table, 400 for broken bytes. */
export function decodeProtobuf(body: Buffer): ApiObject {
  if (!body.subarray(0, 4).equals(magic)) throw badRequest('the body is not a Kubernetes protobuf object');
  const outer = decode(body.subarray(4), envelope);
  const { apiVersion = '', kind = '' } = (outer['typeMeta'] ?? {}) as { apiVersion?: string; kind?: string };
  const message = messages[`${apiVersion}/${kind}`];
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
      if (field !== undefined && !(value === 0n && field.zeroIsAbsent))
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
  if (type === 'intOrString') {
    const {
      type: form,
      int = 0,
      text = '',
    } = decode(part, intOrString) as { type?: number; int?: number; text?: string };
    return form === 1 ? text : int;
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
