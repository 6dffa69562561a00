// For tests: a small HTTP server on loopback that answers lists and watches of one collection as a test tells it to.
// Promises: what the test has not scripted is answered truthfully from `objects`; every request is recorded; watches stay in
// the hands of the test until it ends, resets or silences them. Never loaded by a product process.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from './object.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (request: SeenRequest, response: http.ServerResponse) => void;

/** One open watch. */
export class ScriptedWatch {
  readonly request: SeenRequest;
  readonly #response: http.ServerResponse;
  /** True once either side has ended it. */
  closed = false;

  constructor(request: SeenRequest, response: http.ServerResponse) {
    this.request = request;
    this.#response = response;
    response.on('close', () => (this.closed = true));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
  }

  send(type: string, object: unknown): void {
    this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  /** Sends nothing once the watch has ended. */
  raw(text: string | Uint8Array): void {
    if (!this.#response.writableEnded && !this.closed) this.#response.write(text);
  }

  end(): void {
    this.#response.end();
  }

  /** As a crash of the server: the connection is gone within a message. */
  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }
}

export class ScriptedApi {
  readonly url: string;
  readonly requests: SeenRequest[] = [];
  readonly watches: ScriptedWatch[] = [];
  /** What a list answers, by any unique key. */
  readonly objects = new Map<string, KubeObject>();
  resourceVersion = 100;
  /** When set, it answers everything that no queue has an answer for. */
  otherwise: Answer | undefined;
  readonly #server: http.Server;
  readonly #lists: Answer[] = [];
  readonly #watchAnswers: Answer[] = [];
  readonly #others: Answer[] = [];

  constructor(server: http.Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      void this.#answer(request, response);
    });
  }

  static async start(): Promise<ScriptedApi> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedApi(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get lists(): SeenRequest[] {
    return this.requests.filter((r) => r.method === 'GET' && !r.query.has('watch'));
  }

  /** The newest watch that is still open. */
  get openWatch(): ScriptedWatch | undefined {
    return this.watches.findLast((watch) => !watch.closed);
  }

  /** The next list is answered so, once; calls queue up. */
  onList(...answers: Answer[]): void {
    this.#lists.push(...answers);
  }

  onWatch(...answers: Answer[]): void {
    this.#watchAnswers.push(...answers);
  }

  /** For everything that is not a GET. */
  onWrite(...answers: Answer[]): void {
    this.#others.push(...answers);
  }

  /** Puts an object into the collection under a new resourceVersion; tells nobody. */
  put(name: string, uid = `uid-${name}`, more: Record<string, unknown> = {}): KubeObject {
    this.resourceVersion++;
    const metadata = { namespace: 'lab', name, uid, resourceVersion: String(this.resourceVersion) };
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, ...more } };
    this.objects.set(name, object);
    return object;
  }

  async #answer(message: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', this.url);
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const seen: SeenRequest = {
      method: message.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body: Buffer.concat(chunks).toString(),
    };
    this.requests.push(seen);
    const isWatch = seen.query.has('watch');
    const queue = seen.method !== 'GET' ? this.#others : isWatch ? this.#watchAnswers : this.#lists;
    const scripted = queue.shift();
    if (scripted) scripted(seen, response);
    else if (this.otherwise) this.otherwise(seen, response);
    else if (isWatch) this.#watch(seen, response);
    else if (seen.method === 'GET') json(200, this.#list())(seen, response);
    else status(405, 'MethodNotAllowed')(seen, response);
  }

  #watch(seen: SeenRequest, response: http.ServerResponse): void {
    const watch = new ScriptedWatch(seen, response);
    const timer = setTimeout(() => watch.end(), Number(seen.query.get('timeoutSeconds') ?? 1) * 1000);
    response.on('close', () => clearTimeout(timer));
    this.watches.push(watch);
  }

  #list(): unknown {
    const metadata = { resourceVersion: String(this.resourceVersion) };
    return { kind: 'PodList', apiVersion: 'v1', metadata, items: [...this.objects.values()] };
  }
}

export function json(code: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A meta/v1 Status. */
export function status(code: number, reason: string, headers: Record<string, string> = {}): Answer {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `${reason} was said`, reason, code };
  return json(code, body, headers);
}

/** Accepts the request and cuts the connection instead of answering. */
export const reset: Answer = (_request, response) => void response.socket?.resetAndDestroy();

/** Accepts the request and never answers. */
export const silence: Answer = () => undefined;
