// Going into a pod: attach, exec, port-forward, proxy and debug containers. None is served, and a user who tries is told
// why in words.

import { failure, notFound, type ApiFailure } from '../errors/status.ts';
import { storageKey, type Parts } from '../rest/parts.ts';
import type { ResourceRequest } from '../rest/request.ts';

const whys: Readonly<Record<string, string>> = {
  attach: 'there is no container to attach to',
  exec: 'there is no container to run a command in',
  ephemeralcontainers: 'there is no container runtime to debug with',
  portforward: 'pods have no network of their own',
  proxy: 'pods have no network of their own',
};

/** Why a subresource of pods is refused: 404 for a pod that is not there, else 405. Undefined for other requests. */
export function interactiveRefusal(parts: Parts, target: ResourceRequest): ApiFailure | undefined {
  const why = target.group === '' && target.plural === 'pods' ? whys[target.subresource] : undefined;
  if (why === undefined) return undefined;
  const pods = parts.registry.find('', target.version, 'pods');
  if (pods === undefined) return undefined;
  if (parts.store.get(storageKey(pods), target.namespace, target.name) === undefined)
    return notFound(pods, target.name);
  const message = `pods/${target.subresource} is not served by this cluster: ${why}`;
  return failure(405, 'MethodNotAllowed', message, { name: target.name, kind: 'pods' });
}
