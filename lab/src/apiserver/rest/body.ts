// Request bodies: read with a limit, then decoded from JSON, YAML or (for the few kinds that kubectl sends so) protobuf.
// Knows nothing of what the object means.

import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { badRequest, tooLarge, unsupportedMediaType } from '../errors/status.ts';
import { isObject } from '../patch/json-value.ts';
import type { ApiObject } from '../registry/types.ts';
import { duplicateFields } from './duplicates.ts';
import { decodeProtobuf } from './protobuf.ts';

const bodyLimit = 3 * 1024 * 1024;
const accepted = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

export interface DecodedBody {
  readonly object: ApiObject;
  /** Members that the text names twice. */
  readonly duplicates: readonly string[];
}

/** Throws a 413 over 3 MiB. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyLimit) chunks.push(chunk);
  }
  if (size > bodyLimit) throw tooLarge(bodyLimit);
  return Buffer.concat(chunks);
}

export function mediaType(header: string | undefined): string {
  return (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Decodes an object of the kind, or throws a 400 or 415 that says what is wrong. */
export function decodeObject(body: Buffer, contentType: string | undefined, kind: string): DecodedBody {
  const type = mediaType(contentType) || 'application/json';
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted);
  if (type === 'application/vnd.kubernetes.protobuf') return { object: decodeProtobuf(body), duplicates: [] };
  const text = body.toString('utf8');
  const value = type === 'application/yaml' ? fromYaml(text, kind) : fromJson(text, kind);
  if (!isObject(value)) throw unrecognized(kind, `json: cannot unmarshal ${typeof value} into Go value`, text);
  return { object: value, duplicates: type === 'application/json' ? duplicateFields(text) : [] };
}

/** An apply configuration or another patch: YAML contains JSON. */
export function decodePatch(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    try {
      return parseYaml(text);
    } catch (error) {
      throw badRequest(`error decoding patch: ${(error as Error).message}`);
    }
  }
}

function fromJson(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unrecognized(kind, `json parse error: ${complaint(text)}`, text);
  }
}

function fromYaml(text: string, kind: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw unrecognized(kind, `yaml: ${(error as Error).message.split('\n')[0] ?? ''}`, text);
  }
}

function unrecognized(kind: string, why: string, text: string): Error {
  const shown = text === '' ? '<empty>' : text.slice(0, 1024);
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; ${why} (${shown})`,
  );
}

/** The first complaint in Go's words where it is a common one. */
function complaint(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return 'unexpected end of JSON input';
  const key = /^\{\s*([^"\s}])/.exec(trimmed);
  if (key !== null) return `invalid character '${key[1]}' looking for beginning of object key string`;
  if (!/^[[{"\-\dtfn]/.test(trimmed)) return `invalid character '${trimmed[0]}' looking for beginning of value`;
  return 'unexpected end of JSON input';
}
