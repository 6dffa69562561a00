// HTTP to one API server over shared connections.
// Promises: every failure is a KubeError; every request has a deadline that covers waiting for a connection, headers and
// body; streams have none once they have begun (whoever reads them keeps the deadline). No retries here: see client.ts.
// Two pools: requests are bounded, so that a burst queues instead of opening thousands of sockets; streams (watches, logs)
// are not, so that long-lived ones never starve requests.

import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import type { WebSocket } from 'ws';
import { errorFromResponse, KubeError, toKubeError } from './errors.ts';
import { encodeBody, parseJson, plainHeaders, queryString } from './http-message.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
export type Headers = Readonly<Record<string, string>>;

export interface TransportOptions {
  /** https://host:port, with an optional path prefix (a proxy's). http:// is accepted for test servers. */
  readonly server: string;
  /** PEM of the CA that signed the server's certificate; the system's CAs when absent. */
  readonly ca?: string | Buffer | undefined;
  /** A bearer token, or a function asked before every request (it must cache). */
  readonly token?: string | (() => Promise<string | undefined> | string | undefined) | undefined;
  readonly clientCert?: string | Buffer | undefined;
  readonly clientKey?: string | Buffer | undefined;
  /** Name to expect in the server's certificate when it is not the host of `server`. */
  readonly serverName?: string | undefined;
  /** Only for a kubeconfig that says insecure-skip-tls-verify. */
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** Connections for requests, 32 unless told. Streams come on top. */
  readonly maxConnections?: number | undefined;
  readonly userAgent: string;
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
  /** Absolute path without query; segments already percent-encoded. */
  readonly path: string;
  readonly query?: Query | undefined;
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Headers | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Deadline of the whole exchange in ms, 30 000 unless told. */
  readonly timeoutMs?: number | undefined;
}

export interface TransportResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Headers;
  /** Parsed JSON for a JSON answer, a string for text, bytes for anything else, undefined when empty. */
  readonly body: unknown;
}

export interface TransportStream {
  readonly status: number;
  readonly headers: Headers;
  /** Must be read to its end or left by `break`; otherwise the connection stays open until `signal` is aborted. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Transport {
  readonly server: string;
  request(request: TransportRequest): Promise<TransportResponse>;
  stream(request: {
    readonly path: string;
    readonly query?: Query | undefined;
    readonly headers?: Headers | undefined;
    readonly signal: AbortSignal;
    /** How long the server may take to begin its answer, ms; 30 000 unless told. */
    readonly beginsWithinMs?: number | undefined;
  }): Promise<TransportStream>;
  /**
   * A watch whose events need no decoding, for a server within the same process. Resolves when the server ends it in good
   * order; rejects with what `onEvent` throws, and with a KubeError otherwise. Without it, watches are read from `stream`.
   */
  readonly watch?: (request: {
    readonly path: string;
    readonly query?: Query | undefined;
    readonly signal: AbortSignal;
    readonly onEvent: (event: { readonly type: string; readonly object: unknown }) => void;
  }) => Promise<void>;
  /** A WebSocket to a path that is one. Absent where the server is within the same process. */
  readonly dial?: (request: { readonly path: string; readonly signal: AbortSignal }) => Promise<WebSocket>;
  /** Ends all connections; requests in flight fail. */
  close(): Promise<void>;
}

const defaultTimeoutMs = 30_000;
const connectTimeoutMs = 10_000;

export function createTransport(options: TransportOptions): Transport {
  const url = new URL(options.server);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TypeError(`server: "${options.server}" is neither an https:// nor an http:// address`);
  }
  const prefix = url.pathname.replace(/\/+$/, '');
  const connect = {
    timeout: connectTimeoutMs,
    // A peer that vanished without a word is found by the kernel well before a watch's own deadline.
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    // One for all connections: each would otherwise parse the certificates anew and keep its own copy of them.
    ...(url.protocol === 'https:' ? { secureContext: createSecureContext(credentialsOf(options)) } : {}),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
  };
  const requests = new Agent({
    connect,
    connections: options.maxConnections ?? 32,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    allowH2: false,
  });
  const streams = new Agent({ connect, pipelining: 1, keepAliveTimeout: 1_000, bodyTimeout: 0, allowH2: false });

  async function headersOf(extra: Headers | undefined, body: unknown): Promise<Record<string, string>> {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': options.userAgent };
    const token = typeof options.token === 'function' ? await options.token() : options.token;
    if (token) headers['authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    for (const [name, value] of Object.entries(extra ?? {})) headers[name.toLowerCase()] = value;
    return headers;
  }

  return {
    server: options.server,

    async request({ method, path, query, body, headers, signal, timeoutMs = defaultTimeoutMs }) {
      const attempted = `${method} ${path}`;
      const exchange = new AbortController();
      const onAbort = (): void => exchange.abort();
      if (signal?.aborted) throw new KubeError(`${attempted}: aborted`, { kind: 'aborted', cause: signal.reason });
      signal?.addEventListener('abort', onAbort, { once: true });
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        exchange.abort();
      }, timeoutMs);
      try {
        const answer = requests.request({
          origin: url.origin,
          path: prefix + path + queryString(query),
          method,
          headers: await headersOf(headers, body),
          body: encodeBody(body),
          signal: exchange.signal,
          headersTimeout: 0,
          bodyTimeout: 0,
        });
        const response = await unlessAborted(answer, exchange.signal);
        const plain = plainHeaders(response.headers);
        const parsed = await readBody(response.body, plain['content-type'], attempted, response.statusCode);
        if (response.statusCode >= 400) {
          throw errorFromResponse(attempted, response.statusCode, parsed, plain['retry-after']);
        }
        return { status: response.statusCode, headers: plain, body: parsed };
      } catch (error) {
        if (timedOut) {
          throw new KubeError(`${attempted}: no complete answer within ${timeoutMs} ms`, {
            kind: 'timeout',
            cause: error,
          });
        }
        throw toKubeError(error, attempted);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      }
    },

    async stream({ path, query, headers, signal, beginsWithinMs = defaultTimeoutMs }) {
      const attempted = `GET ${path}`;
      if (signal.aborted) throw new KubeError(`${attempted}: aborted`, { kind: 'aborted', cause: signal.reason });
      try {
        const answer = streams.request({
          origin: url.origin,
          path: prefix + path + queryString(query),
          method: 'GET',
          headers: await headersOf(headers, undefined),
          signal,
          headersTimeout: beginsWithinMs,
          bodyTimeout: 0,
        });
        const response = await unlessAborted(answer, signal);
        const plain = plainHeaders(response.headers);
        if (response.statusCode >= 400) {
          const parsed = await readBody(response.body, plain['content-type'], attempted, response.statusCode);
          throw errorFromResponse(attempted, response.statusCode, parsed, plain['retry-after']);
        }
        return { status: response.statusCode, headers: plain, body: chunksOf(response.body, attempted) };
      } catch (error) {
        throw toKubeError(error, attempted);
      }
    },

    dial: async (request) => (await import('./socket.ts')).dial(options, { ...request, path: prefix + request.path }),

    async close() {
      await Promise.all([requests.destroy(), streams.destroy()]);
    },
  };
}

function credentialsOf({ ca, clientCert, clientKey }: TransportOptions): SecureContextOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCert === undefined ? {} : { cert: clientCert }),
    ...(clientKey === undefined ? {} : { key: clientKey }),
  };
}

/** undici looks at the signal of a request only once it has a connection for it; callers must not wait that long. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new DOMException('aborted', 'AbortError'));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

async function readBody(
  body: Dispatcher.ResponseData['body'],
  contentType: string | undefined,
  attempted: string,
  status: number,
): Promise<unknown> {
  const type = contentType ?? '';
  if (type.includes('json')) return parseJson(await body.text(), attempted, status);
  if (type === '' || type.startsWith('text/')) {
    const text = await body.text();
    return text === '' ? undefined : text;
  }
  return new Uint8Array(await body.arrayBuffer());
}

async function* chunksOf(body: Dispatcher.ResponseData['body'], attempted: string): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    throw toKubeError(error, attempted);
  }
}
