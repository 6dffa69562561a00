// The HTTPS endpoint of a machine: the kubelet's logs, virt-handler's consoles and buttons, and the receiving end of migrations.
// Promises: every caller shows a certificate of the lab's authority; errors are Kubernetes Status objects. It decides nothing
// about guests: it finds them through the given callbacks.
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Logger } from 'pino';
import { readLog, type ReadOptions } from '../logs/log-file.ts';
import { joinStreams, parseTunnelPath, tunnelProtocol, type TunnelRequest } from './tunnel.ts';

export interface LogSource {
  readonly file: string;
  /** True when the log will not grow any more. */
  readonly ended: () => boolean;
}

/** The answer of a virt-handler route. */
export interface HandlerAnswer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Buffer;
}

export interface EndpointOptions {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined when there is no such pod or container here. */
  readonly logOf: (namespace: string, pod: string, container: string) => LogSource | undefined;
  readonly handle: (request: HandlerRequest) => Promise<HandlerAnswer>;
  /** Takes over the connection of a console; answers it itself. */
  readonly upgrade: (request: HandlerRequest, raw: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** The local socket where a launcher pod receives, or undefined. */
  readonly receiver: (request: Omit<TunnelRequest, 'machine'>) => string | undefined;
}

export interface HandlerRequest {
  readonly namespace: string;
  readonly name: string;
  /** For example `pause` or `vnc/screenshot`. */
  readonly subresource: string;
  readonly query: URLSearchParams;
}

const instancePath = /^\/v1\/namespaces\/([^/]+)\/virtualmachineinstances\/([^/]+)\/(.+)$/;
const logPath = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/;

export function endpointServer(options: EndpointOptions): Server {
  const { caPem, certPem, keyPem, log } = options;
  const tlsOptions = { ca: caPem, cert: certPem, key: keyPem, requestCert: true, rejectUnauthorized: true };
  const server = createServer(tlsOptions, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      log.warn({ err: error, path: request.url }, 'a request failed');
      if (response.headersSent) response.destroy();
      else sendStatus(response, 500, (error as Error).message);
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    takeOver(options, request, socket, head);
  });
  // A log that is followed, or a console, may be silent for hours.
  server.requestTimeout = 0;
  server.timeout = 0;
  return server;
}

async function answer(options: EndpointOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://machine');
  if (url.pathname === '/healthz') return void response.end('ok');
  const logs = logPath.exec(url.pathname);
  if (logs !== null) return sendLog(options, logs.slice(1).map(decodeURIComponent), url.searchParams, response);
  const instance = handlerRequest(url);
  if (instance === undefined) return sendStatus(response, 404, `the machine serves no ${url.pathname}`);
  const { status, type, body } = await options.handle(instance);
  if (type === undefined && status >= 400) return sendStatus(response, status, String(body ?? ''));
  response.writeHead(status, { 'content-type': type ?? 'text/plain' }).end(body);
}

function handlerRequest(url: URL): HandlerRequest | undefined {
  const match = instancePath.exec(url.pathname);
  if (match === null) return undefined;
  const [namespace, name] = [match[1]!, match[2]!].map(decodeURIComponent);
  return { namespace: namespace!, name: name!, subresource: match[3]!, query: url.searchParams };
}

async function sendLog(
  { logOf, clock }: EndpointOptions,
  [namespace, pod, container]: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const source = logOf(namespace!, pod!, container!);
  if (source === undefined) return sendStatus(response, 404, `container ${container} in pod ${pod} is not known here`);
  // A container of a machine is never started twice, so there is no log of an earlier one.
  if (isTrue(query.get('previous'))) {
    return sendStatus(response, 400, `previous terminated container "${container}" in pod "${pod}" not found`);
  }
  const leave = new AbortController();
  response.on('close', () => leave.abort());
  let options: ReadOptions;
  try {
    options = { ...readOptions(query, clock.now()), ended: source.ended, signal: leave.signal };
  } catch (error) {
    return sendStatus(response, 400, (error as Error).message);
  }
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  for await (const chunk of readLog(source.file, options, clock)) {
    if (!response.write(chunk)) {
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    }
    if (response.destroyed) return;
  }
  response.end();
}

/** Throws an error that names the parameter and what is allowed. */
export function readOptions(query: URLSearchParams, nowMs: number): ReadOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    if (!/^\d+$/.test(text)) throw new Error(`${name}: "${text}" is not a whole number from 0`);
    return Number(text);
  };
  const seconds = number('sinceSeconds');
  const time = query.get('sinceTime');
  const sinceMs = time ? Date.parse(time) : seconds === undefined ? undefined : nowMs - seconds * 1000;
  if (Number.isNaN(sinceMs)) throw new Error(`sinceTime: "${time}" is not a time in RFC 3339 form`);
  const tailLines = number('tailLines');
  const limitBytes = number('limitBytes');
  return {
    follow: isTrue(query.get('follow')),
    timestamps: isTrue(query.get('timestamps')),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

function isTrue(text: string | null): boolean {
  return text === 'true' || text === '1';
}

function takeOver(options: EndpointOptions, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const url = new URL(request.url ?? '/', 'https://machine');
  const tunnel = parseTunnelPath(url.pathname);
  if (tunnel === undefined) {
    const instance = handlerRequest(url);
    if (instance === undefined) return refuse(socket, 404);
    return options.upgrade(instance, request, socket, head);
  }
  const caller = (request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? '';
  if (!String(caller).startsWith('system:node:')) return refuse(socket, 403);
  const path = options.receiver(tunnel);
  if (path === undefined) return refuse(socket, 404);
  const near = net.connect({ path, allowHalfOpen: true });
  near.once('error', () => refuse(socket, 502));
  near.once('connect', () => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${tunnelProtocol}\r\n\r\n`);
    if (head.length > 0) near.write(head);
    joinStreams(near, socket);
  });
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  409: 'Conflict',
  500: 'InternalError',
};

function sendStatus(response: ServerResponse, code: number, message: string): void {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code };
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ ...status, reason: reasons[code] ?? 'InternalError' }));
}
