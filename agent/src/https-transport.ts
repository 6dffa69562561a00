// HTTP to the API server over Node's own client, for a process that must stay small: the operator's is faster with many requests
// at once and takes some 25 MB more.
// Promises: as every transport, see Transport: each failure is a KubeError, each request has a deadline over all of it, streams
// have none once they have begun. No retries.

import http, { type IncomingMessage } from 'node:http';
import https, { type RequestOptions } from 'node:https';
import { errorFromResponse, KubeError, toKubeError } from '@idlewild/operator/kube/errors.ts';
import { encodeBody, parseJson, plainHeaders, queryString } from '@idlewild/operator/kube/http-message.ts';
import type { Transport, TransportRequest } from '@idlewild/operator/kube/transport.ts';

export interface HttpsTransportOptions {
  /** https://host:port, with an optional path prefix. http:// is accepted for test servers. */
  readonly server: string;
  /** PEM of the CA that signed the server's certificate; the system's CAs when absent. */
  readonly ca?: Buffer | string | undefined;
  /** Asked before every request; it must cache. */
  readonly token: () => string;
  readonly userAgent: string;
}

const timeoutMs = 30_000;
const idleMs = 30_000;
const keepAliveProbeMs = 15_000;

export function createHttpsTransport({ server, ca, token, userAgent }: HttpsTransportOptions): Transport {
  const url = new URL(server);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TypeError(`server: "${server}" is neither an https:// nor an http:// address`);
  }
  const by = url.protocol === 'https:' ? https : http;
  // An IPv6 address has brackets in a URL, and none where Node connects to.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const prefix = url.pathname.replace(/\/+$/, '');
  const agent = new by.Agent({ keepAlive: true, keepAliveMsecs: keepAliveProbeMs, timeout: idleMs, maxSockets: 4 });
  const opened = new AbortController();

  /** Resolves with the head of the answer; what is still on its way ends with `signal`. */
  function exchange(
    method: string,
    path: string,
    o: Sent & { readonly signal: AbortSignal },
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options: RequestOptions = {
        ...{ agent, ca, method, host, port: url.port, path: prefix + path + queryString(o.query) },
        ...{ signal: o.signal, headers: headersOf(o) },
      };
      by.request(options, resolve)
        .once('error', reject)
        .end(encodeBody(o.body) ?? undefined);
    });
  }

  /** By the caller, or with the whole transport. */
  const calledOff = (signal: AbortSignal | undefined): AbortSignal =>
    signal ? AbortSignal.any([signal, opened.signal]) : opened.signal;

  function headersOf({ headers = {}, body }: Sent): Record<string, string> {
    return {
      accept: 'application/json',
      'user-agent': userAgent,
      authorization: `Bearer ${token()}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    };
  }

  return {
    server,

    async request({ method, path, signal, timeoutMs: withinMs = timeoutMs, ...sent }) {
      const attempted = `${method} ${path}`;
      const deadline = AbortSignal.timeout(withinMs);
      const off = calledOff(signal);
      try {
        off.throwIfAborted();
        const answer = await exchange(method, path, { ...sent, signal: AbortSignal.any([off, deadline]) });
        const { statusCode: status = 0 } = answer;
        const headers = plainHeaders(answer.headers);
        const body = await bodyOf(answer, headers['content-type'] ?? '', attempted);
        if (status >= 400) throw errorFromResponse(attempted, status, body, headers['retry-after']);
        return { status, headers, body };
      } catch (error) {
        throw failure(error, {
          attempted,
          off,
          late: deadline.aborted && `no complete answer within ${withinMs} ms`,
        });
      }
    },

    async stream({ path, signal, beginsWithinMs = timeoutMs, ...sent }) {
      const attempted = `GET ${path}`;
      const began = new AbortController();
      const off = calledOff(signal);
      const timer = setTimeout(() => began.abort(), beginsWithinMs);
      try {
        off.throwIfAborted();
        const answer = await exchange('GET', path, { ...sent, signal: AbortSignal.any([off, began.signal]) });
        const { statusCode: status = 0 } = answer;
        const headers = plainHeaders(answer.headers);
        if (status >= 400) {
          const body = await bodyOf(answer, headers['content-type'] ?? '', attempted);
          throw errorFromResponse(attempted, status, body, headers['retry-after']);
        }
        return { status, headers, body: chunksOf(answer, attempted, off) };
      } catch (error) {
        throw failure(error, { attempted, off, late: began.signal.aborted && `no answer within ${beginsWithinMs} ms` });
      } finally {
        clearTimeout(timer);
      }
    },

    close() {
      opened.abort();
      agent.destroy();
      return Promise.resolve();
    },
  };
}

type Sent = Pick<TransportRequest, 'query' | 'body' | 'headers'>;

interface Failed {
  readonly attempted: string;
  readonly off: AbortSignal;
  /** What to say when it was too late. */
  readonly late: string | false;
}

function failure(error: unknown, { attempted, off, late }: Failed): KubeError {
  if (error instanceof KubeError) return error;
  if (off.aborted) return new KubeError(`${attempted}: aborted`, { kind: 'aborted', cause: off.reason });
  if (late !== false) return new KubeError(`${attempted}: ${late}`, { kind: 'timeout', cause: error });
  return toKubeError(error, attempted);
}

async function bodyOf(answer: IncomingMessage, type: string, attempted: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (bytes.length === 0) return undefined;
  if (!type.includes('json')) return type === '' || type.startsWith('text/') ? bytes.toString() : new Uint8Array(bytes);
  return parseJson(bytes.toString(), attempted, answer.statusCode ?? 0);
}

async function* chunksOf(answer: IncomingMessage, attempted: string, off: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (error) {
    throw failure(error, { attempted, off, late: false });
  }
}
