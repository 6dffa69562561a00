// What a transport puts into a request and takes out of an answer, whatever client carries it.
// Promises: pure; nothing here knows of connections.

import { KubeError } from './errors.ts';
import type { Headers, Query } from './transport.ts';

/** With its question mark, or "" when there is nothing to ask. */
export function queryString(query: Query | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.append(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** Text and bytes as they are, anything else as JSON. */
export function encodeBody(body: unknown): string | Uint8Array | null {
  if (body === undefined) return null;
  return typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
}

export function plainHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}

/**
 * An answer that says it is JSON. Undefined when it is empty, the text itself when it is of an error.
 * Throws KubeError "server" when it is not what it claims to be.
 */
export function parseJson(text: string, attempted: string, status: number): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (status >= 400) return text;
    const said = `${attempted}: the answer is not the JSON that it claims to be`;
    throw new KubeError(said, { kind: 'server', status, cause: error });
  }
}
