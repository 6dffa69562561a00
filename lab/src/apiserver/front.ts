// The HTTPS front: takes a connection, finds out who asks, and hands the request to what answers it: health, discovery,
// OpenAPI, an aggregated server, or the REST core. Every error becomes a Status here and nowhere else.

import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import type { Duplex } from 'node:stream';
import type { Pki } from '../pki/pki.ts';
import { aggregatedService, proxyRequest, proxyUpgrade, type FrontProxyIdentity } from './aggregation/proxy.ts';
import { ApiFailure, internalError, methodNotAllowed } from './errors/status.ts';
import type { Answer, HandleDiscovery, HandleOpenApi, User } from './registry/types.ts';
import { authorizePath, authorizeResource, userOf } from './rest/access.ts';
import { handleResource } from './rest/handler.ts';
import type { Parts } from './rest/parts.ts';
import { resourceRequest } from './rest/request.ts';
import { sendFailure, sendNotFoundPage } from './rest/respond.ts';
import { interactiveRefusal } from './subresources/interactive.ts';

export interface FrontOptions {
  readonly parts: Parts;
  readonly pki: Pki;
  readonly discovery: HandleDiscovery;
  readonly openApi: HandleOpenApi;
  readonly frontProxy: FrontProxyIdentity;
  readonly kubeletCredentials: ConnectionOptions;
  readonly stopping: AbortSignal;
}

const healthPaths = ['/healthz', '/livez', '/readyz'];
/** Longer than clients keep idle connections, so that the client closes first and never meets a reset. */
const keepAliveMs = 120_000;

export function createFront(options: FrontOptions): Server {
  const { pki } = options;
  const front = createServer({
    cert: pki.serverCertPem,
    key: pki.serverKeyPem,
    ca: pki.caPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    keepAliveTimeout: keepAliveMs,
    noDelay: true,
  });
  front.requestTimeout = 0;
  front.on('request', (request: IncomingMessage, response: ServerResponse) => void answer(options, request, response));
  front.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    // An upgraded connection is no longer the HTTP server's to close.
    const stop = (): void => void socket.destroy();
    options.stopping.addEventListener('abort', stop);
    socket.once('close', () => options.stopping.removeEventListener('abort', stop));
    void upgrade(options, request, socket, head);
  });
  front.on('tlsClientError', (_error, socket) => socket.destroy());
  return front;
}

async function answer(options: FrontOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const warnings: string[] = [];
  // A client that goes away in mid-answer is nobody's error.
  response.on('error', () => response.destroy());
  try {
    await route(options, request, response, warnings);
  } catch (error) {
    const failure = failureOf(options, request, error);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // What is left of a body that was given up is not another request.
    if (!request.complete) response.once('finish', () => request.socket.destroySoon());
    sendFailure({ response, warnings }, failure);
  }
}

async function route(
  options: FrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
  warnings: string[],
): Promise<void> {
  const { parts } = options;
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '/', 'https://server');
  const path = url.pathname;
  const user = await userOf(parts.auth, request);
  const target = resourceRequest(method, path, url.searchParams);
  if (target === undefined) authorizePath(parts.auth, user, method, path);
  else authorizeResource(parts.auth, user, target, url.searchParams);

  const remote = aggregatedService(parts.store, path);
  if (remote !== undefined) return proxyRequest(parts.store, remote, user, options.frontProxy, request, response);
  if (target === undefined) return answerPath(options, request, response, url);
  const context = { parts, kubeletCredentials: options.kubeletCredentials, stopping: options.stopping };
  return handleResource(context, { request, response, query: url.searchParams, user, target, warnings });
}

function answerPath(options: FrontOptions, request: IncomingMessage, response: ServerResponse, url: URL): void {
  const path = url.pathname;
  if (healthPaths.some((health) => path === health || path.startsWith(`${health}/`))) {
    const check = path.split('/')[1] ?? '';
    const body = url.searchParams.has('verbose') ? `[+]ping ok\n[+]storage ok\n${check} check passed\n` : 'ok';
    return sendAnswer(response, { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body });
  }
  const accept = request.headers.accept ?? '';
  const found =
    options.openApi(path, accept, request.headers['if-none-match']) ??
    options.discovery(path, accept) ??
    (path === '/' ? rootPaths(options) : undefined);
  if (found === undefined) return sendNotFoundPage(response);
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  sendAnswer(response, found);
}

function rootPaths(options: FrontOptions): Answer {
  const versions = options.parts.registry.all().map(({ group, version }) => `/apis/${group}/${version}`);
  const groups = options.parts.registry.all().map(({ group }) => `/apis/${group}`);
  const apis = [...groups, ...versions].filter((path) => path !== '/apis/' && !path.startsWith('/apis//'));
  const paths = [
    ...new Set(['/api', '/api/v1', '/apis', ...apis, ...healthPaths, '/openapi/v2', '/openapi/v3', '/version']),
  ];
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ paths: paths.sort() }),
  };
}

function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function upgrade(options: FrontOptions, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { parts } = options;
  try {
    const url = new URL(request.url ?? '/', 'https://server');
    const user: User = await userOf(parts.auth, request);
    const target = resourceRequest(request.method ?? 'GET', url.pathname, url.searchParams);
    if (target === undefined) authorizePath(parts.auth, user, request.method ?? 'GET', url.pathname);
    else authorizeResource(parts.auth, user, target, url.searchParams);
    const remote = aggregatedService(parts.store, url.pathname);
    if (remote === undefined) throw (target && interactiveRefusal(parts, target)) ?? methodNotAllowed();
    await proxyUpgrade(parts.store, remote, user, options.frontProxy, request, socket, head);
  } catch (error) {
    const failure = failureOf(options, request, error);
    const body = `${JSON.stringify(failure.status)}\n`;
    const lines = [
      `HTTP/1.1 ${failure.code} ${failure.status.reason ?? 'Error'}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  }
}

function failureOf(options: FrontOptions, request: IncomingMessage, error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  options.parts.log.error({ method: request.method, url: request.url, error: text }, 'request failed unexpectedly');
  return internalError(error instanceof Error ? error.message : String(error));
}
