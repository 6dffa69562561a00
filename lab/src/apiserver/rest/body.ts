// Request bodies: read with a limit, then decoded from JSON, YAML or (for the few kinds that kubectl sends so) protobuf.
// Knows nothing of what the object means.

import type { Readable } from 'node:stream';
import { parse as parseYaml } from 'yaml';
import { badRequest, requestTimeout, tooLarge, unsupportedMediaType } from '../errors/status.ts';
import { isObject } from '../patch/json-value.ts';
import type { ApiObject } from '../registry/types.ts';
import { duplicateFields } from './duplicates.ts';
import { decodeProtobuf } from './protobuf.ts';

const bodyLimit = 3 * 1024 * 1024;
const mostDiscarded = 32 * 1024 * 1024;
/** How long Kubernetes waits for a request that is no watch. */
const bodyTimeoutMs = 60_000;
const accepted = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

export interface DecodedBody {
  readonly object: ApiObject;
  /** Members that the text names twice. */
  readonly duplicates: readonly string[];
}

/** Throws a 413 over 3 MiB, and a 504 if the body has not come within the time. The rest of such a body stays unread. */
export function readBody(request: Readable, timeoutMs = bodyTimeoutMs): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => finish(() => reject(requestTimeout())), timeoutMs);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', end).off('error', fail).off('close', cut);
      settle();
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= bodyLimit) chunks.push(chunk);
      // Somewhat more is taken and thrown away, since a client that is still sending may not hear the answer.
      else if (size > mostDiscarded) finish(() => reject(tooLarge(bodyLimit)));
    };
    const end = (): void =>
      finish(() => (size > bodyLimit ? reject(tooLarge(bodyLimit)) : resolve(Buffer.concat(chunks))));
    const fail = (error: Error): void => finish(() => reject(badRequest(`reading the body failed: ${error.message}`)));
    const cut = (): void => finish(() => reject(badRequest('the body ended before its time')));
    request.on('data', take).on('end', end).on('error', fail).on('close', cut);
  });
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
