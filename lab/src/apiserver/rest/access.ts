// Who asks and whether they may: authentication of a request and the authorization of what it wants, refused with
// Kubernetes' sentences.

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { anonymous } from '../auth/auth.ts';
import { denialText } from '../auth/denial.ts';
import { failure, forbidden, unauthorized } from '../errors/status.ts';
import type { Attributes, Auth, Credentials, User } from '../registry/types.ts';
import { selectedName } from './field-selector.ts';
import type { ResourceRequest } from './request.ts';

/** Throws a 401 for credentials that are wrong; without any the user is anonymous. */
export async function userOf(auth: Auth, request: IncomingMessage): Promise<User> {
  const user = await auth.authenticate(credentialsOf(request));
  if (user === 'invalid') throw unauthorized();
  return user ?? anonymous;
}

function credentialsOf(request: IncomingMessage): Credentials {
  const socket = request.socket as TLSSocket;
  const subject = socket.authorized ? socket.getPeerCertificate().subject : undefined;
  const organizations: unknown = (subject as { O?: unknown } | undefined)?.O ?? [];
  const token = bearerOfWebSocket(request);
  const authorization = request.headers.authorization ?? (token === undefined ? undefined : `Bearer ${token}`);
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(subject === undefined
      ? {}
      : { clientCertificate: { commonName: String(subject.CN), organizations: [organizations].flat().map(String) } }),
    headers: request.headers,
  };
}

/** Browsers cannot set headers on a WebSocket; Kubernetes takes the token from a sub-protocol instead. */
function bearerOfWebSocket(request: IncomingMessage): string | undefined {
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim());
  const found = protocols.find((text) => text.startsWith(prefix));
  return found === undefined ? undefined : Buffer.from(found.slice(prefix.length), 'base64url').toString();
}

/** Throws a 403 unless the user may. */
export function authorizeResource(auth: Auth, user: User, request: ResourceRequest, query: URLSearchParams): void {
  const { verb, group, version, plural, subresource, namespace } = request;
  const name = request.name || (verb === 'list' || verb === 'watch' ? pinnedName(query) : '');
  const attributes: Attributes = {
    type: 'resource',
    verb,
    group,
    version,
    resource: plural,
    ...(subresource === '' ? {} : { subresource }),
    ...(namespace === '' ? {} : { namespace }),
    ...(name === '' ? {} : { name }),
  };
  const { allowed, reason } = auth.authorize(user, attributes);
  if (allowed) return;
  const why = denialText(user, attributes);
  throw forbidden({ group, plural }, request.name, reason === '' ? why : `${why}: ${reason}`);
}

export function authorizePath(auth: Auth, user: User, method: string, path: string): void {
  const verb = method.toLowerCase();
  const attributes: Attributes = { type: 'path', verb: verb === 'head' ? 'get' : verb, path };
  const { allowed, reason } = auth.authorize(user, attributes);
  if (allowed) return;
  const why = `forbidden: ${denialText(user, attributes)}`;
  throw failure(403, 'Forbidden', reason === '' ? why : `${why}: ${reason}`, {});
}

function pinnedName(query: URLSearchParams): string {
  const selector = query.get('fieldSelector');
  return selector === null ? '' : (selectedName(selector) ?? '');
}
