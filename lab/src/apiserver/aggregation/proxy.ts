// Aggregated APIs: a group version whose APIService names a service is answered by that service. Requests, streams and
// WebSocket upgrades are passed through with the user in front-proxy headers; nothing is interpreted.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { serviceUnavailable } from '../errors/status.ts';
import type { ApiObject, User } from '../registry/types.ts';
import type { Store } from '../storage/store.ts';
import { serviceEndpoint, tlsOptions, type ServiceReference } from './service.ts';

/** The client certificate by which aggregated servers know that the user headers can be believed. */
export interface FrontProxyIdentity {
  readonly certPem: string;
  readonly keyPem: string;
}

interface ApiServiceSpec {
  readonly service?: ServiceReference | null;
  readonly caBundle?: string;
  readonly insecureSkipTLSVerify?: boolean;
}

const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'trailer'];
const neverForwarded = ['authorization', 'host', 'x-remote-user', 'x-remote-group', 'x-remote-uid'];

/** The APIService of a path `/apis/GROUP/VERSION...` that another server answers; undefined for our own. */
export function aggregatedService(store: Store, path: string): ApiObject | undefined {
  const [, root, group, version] = path.split('/');
  if (root !== 'apis' || group === undefined || version === undefined) return undefined;
  const service = store.get('apiregistration.k8s.io/apiservices', '', `${version}.${group}`);
  return (service?.['spec'] as ApiServiceSpec | undefined)?.service ? service : undefined;
}

/** Throws a 503 if the service cannot be found or reached; after the answer has begun it just ends. */
export function proxyRequest(
  store: Store,
  apiService: ApiObject,
  user: User,
  identity: FrontProxyIdentity,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const options = upstreamOptions(store, apiService, user, identity, request, false);
  return new Promise((resolve, reject) => {
    const upstream = httpsRequest(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
      response.flushHeaders();
      answer.pipe(response);
      answer.once('close', resolve);
      answer.once('error', () => response.destroy());
    });
    upstream.once('error', (error) => {
      if (response.headersSent) resolve();
      else reject(serviceUnavailable(`error trying to reach service: ${error.message}`));
    });
    response.once('close', () => upstream.destroy());
    request.pipe(upstream);
  });
}

/** Passes an upgrade (WebSocket) through as raw bytes both ways. Throws a 503 before anything is written. */
export function proxyUpgrade(
  store: Store,
  apiService: ApiObject,
  user: User,
  identity: FrontProxyIdentity,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const options = upstreamOptions(store, apiService, user, identity, request, true);
  return new Promise((resolve, reject) => {
    const upstream = httpsRequest(options);
    upstream.once('upgrade', (answer, far, farHead) => {
      socket.write(responseHead(answer));
      if (farHead.length > 0) socket.write(farHead);
      if (head.length > 0) far.write(head);
      far.pipe(socket).pipe(far);
      const end = (): void => {
        far.destroy();
        socket.destroy();
        resolve();
      };
      for (const side of [far, socket]) side.once('close', end).once('error', end);
    });
    upstream.once('response', (answer) => {
      socket.write(responseHead(answer, { connection: 'close' }));
      answer.pipe(socket);
      answer.once('close', resolve);
    });
    upstream.once('error', (error) => reject(serviceUnavailable(`error trying to reach service: ${error.message}`)));
    socket.once('close', () => upstream.destroy());
    upstream.end();
  });
}

function upstreamOptions(
  store: Store,
  apiService: ApiObject,
  user: User,
  identity: FrontProxyIdentity,
  request: IncomingMessage,
  upgrade: boolean,
): RequestOptions {
  const spec = (apiService['spec'] ?? {}) as ApiServiceSpec;
  if (!spec.service) throw serviceUnavailable('the APIService has no service');
  const endpoint = serviceEndpoint(store, spec.service);
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const dropped =
      neverForwarded.includes(name) || name.startsWith('x-remote-extra-') || name.startsWith('impersonate-');
    if (value === undefined || dropped || (!upgrade && hopByHop.includes(name))) continue;
    headers[name] = value;
  }
  headers['x-remote-user'] = user.name;
  if (user.groups.length > 0) headers['x-remote-group'] = [...user.groups];
  if (user.uid !== undefined) headers['x-remote-uid'] = user.uid;
  for (const [key, values] of Object.entries(user.extra ?? {})) {
    headers[`x-remote-extra-${encodeURIComponent(key)}`] = [...values];
  }
  return {
    ...tlsOptions(endpoint, spec.caBundle),
    ...(spec.insecureSkipTLSVerify ? { rejectUnauthorized: false } : {}),
    cert: identity.certPem,
    key: identity.keyPem,
    host: endpoint.host,
    port: endpoint.port,
    method: request.method,
    path: request.url,
    headers,
    agent: false,
  };
}

function withoutHopByHop(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.includes(name)) kept[name] = value;
  }
  return kept;
}

function responseHead(answer: IncomingMessage, extra: Record<string, string> = {}): string {
  const lines = [`HTTP/1.1 ${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}`];
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    const name = answer.rawHeaders[i] as string;
    if (extra[name.toLowerCase()] === undefined) lines.push(`${name}: ${answer.rawHeaders[i + 1] as string}`);
  }
  for (const [name, value] of Object.entries(extra)) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
