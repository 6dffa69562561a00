// virt-api's HTTPS server: admission reviews, aggregated subresources, console upgrades. It only reads, checks who asks, and
// hands over; the rules are in admission/ and subresources/.
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { IssuedCertificate } from '../../pki/pki.ts';
import { admit, type AdmissionDeps } from './admission/serve.ts';
import type { AdmissionRequest } from './admission/verdict.ts';
import { callerOf, mayCall } from './subresources/access.ts';
import { badRequest, internalError, plain, type Answer } from './subresources/answer.ts';
import { openConsole } from './subresources/machine-link.ts';
import type { CallBody } from './subresources/machine-rules.ts';
import { Relay } from './subresources/relay.ts';
import { routeOf, type Route } from './subresources/route.ts';
import { callInstance, callMachine, destination, openAnswer, type SubresourceDeps } from './subresources/serve.ts';

export type ServerDeps = AdmissionDeps & SubresourceDeps;

export interface VirtApiServer {
  readonly server: Server;
  readonly relay: Relay;
}

/** @param caPem the CA of the certificates that the front proxy shows. */
export function virtApiServer(deps: ServerDeps, certificate: IssuedCertificate, caPem: string): VirtApiServer {
  const relay = new Relay();
  const tls = {
    cert: certificate.certPem,
    key: certificate.keyPem,
    ca: caPem,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const server = createServer(tls, (request, response) => {
    handle(deps, request, response).catch((error: unknown) => {
      deps.log.error({ err: error, path: request.url }, 'a request failed');
      if (response.headersSent) response.destroy();
      else send(response, internalError(toKubeError(error).message));
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    upgrade(deps, relay, request, socket, head).catch((error: unknown) => {
      deps.log.warn({ err: error, path: request.url }, 'a console could not be opened');
      refuseUpgrade(socket, internalError(error instanceof Error ? error.message : String(error)));
    });
  });
  return { server, relay };
}

async function handle(deps: ServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://virt-api');
  const method = request.method ?? 'GET';
  if (method === 'POST' && (request.headers['content-type'] ?? '').includes('json')) {
    const review = await admissionAnswer(deps, url.pathname, request);
    if (review) return send(response, review);
  }
  const route = routeOf(method, url.pathname);
  const open = openAnswer(route, url.pathname);
  if (open) return send(response, open);
  const refusal = await unauthorized(deps, request, route, method);
  if (refusal) return send(response, refusal);
  const body = await bodyOf(request);
  if ('answer' in body) return send(response, body.answer);
  if (route.kind === 'machine') return send(response, await callMachine(deps, route, body.body));
  if (route.kind !== 'instance') return;
  if (route.call === 'console' || route.call === 'vnc') {
    const to = await destination(deps, route);
    return send(response, 'answer' in to ? to.answer : badRequest('a WebSocket upgrade is required'));
  }
  send(response, await callInstance(deps, route, method, url.search, body.body));
}

async function admissionAnswer(deps: ServerDeps, path: string, request: IncomingMessage): Promise<Answer | undefined> {
  if (path.startsWith('/apis/')) return undefined;
  const review = JSON.parse(await text(request)) as { readonly request: AdmissionRequest };
  const answer = await admit(path, review.request, deps);
  return answer && { status: 200, type: 'application/json', body: JSON.stringify(answer) };
}

async function unauthorized(
  deps: ServerDeps,
  request: IncomingMessage,
  route: Route,
  method: string,
): Promise<Answer | undefined> {
  if (route.kind !== 'instance' && route.kind !== 'machine') return undefined;
  const caller = callerOf(request);
  if (!caller) return plain(401, 'request is not authenticated by the front proxy');
  return (await mayCall(deps.client, caller, route, method)) ? undefined : plain(401, '');
}

async function bodyOf(request: IncomingMessage): Promise<{ readonly body: CallBody } | { readonly answer: Answer }> {
  const raw = request.method === 'PUT' ? (await text(request)).trim() : '';
  if (raw === '') return { body: {} };
  try {
    const body: unknown = JSON.parse(raw);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { body };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { answer: badRequest('Can not unmarshal Request body to struct: a JSON object is expected') };
}

async function upgrade(
  deps: ServerDeps,
  relay: Relay,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://virt-api');
  const route = routeOf('GET', url.pathname);
  const refusal = openAnswer(route, url.pathname) ?? (await unauthorized(deps, request, route, 'GET'));
  if (refusal) return refuseUpgrade(socket, refusal);
  if (route.kind !== 'instance' || (route.call !== 'console' && route.call !== 'vnc')) {
    return refuseUpgrade(socket, badRequest('this subresource has no WebSocket'));
  }
  const to = await destination(deps, route);
  if ('answer' in to) return refuseUpgrade(socket, to.answer);
  const key = `${route.namespace}/${route.name}/${route.call}`;
  if (url.searchParams.get('preserveSession') === 'true' && relay.isActive(key)) {
    return refuseUpgrade(socket, internalError('active VNC connection, request denied'));
  }
  const console = await openConsole(deps.credentials, to.address, route);
  relay.join(key, console, request, socket, head);
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { ...(type ? { 'content-type': type } : {}), 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function refuseUpgrade(socket: Duplex, { status, type, body }: Answer): void {
  if (socket.destroyed) return;
  const head = [
    `HTTP/1.1 ${status} Refused`,
    'connection: close',
    ...(type ? [`content-type: ${type}`] : []),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${String(body)}`);
}
