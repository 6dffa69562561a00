// The refusals of the API in memory: KubeErrors as a client would make them of Kubernetes' answers, with its reasons and texts.
// Must not be thrown for faults of a simulation itself.

import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import { errorFromResponse, type KubeError, type Status } from '@idlewild/operator/kube/errors.ts';

type Named = Pick<ResourceType, 'group' | 'plural' | 'kind'>;

/** A refusal of the server, and the Status in its body. */
export function failure(code: number, reason: string | undefined, message: string, details?: Status['details']) {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code };
  const body = Object.freeze(JSON.parse(JSON.stringify(status)) as Status);
  return errorFromResponse('the API in memory', code, body, undefined, 0);
}

export function detailsOf(of: Named, name: string, word: string = of.plural): NonNullable<Status['details']> {
  return { ...(name === '' ? {} : { name }), ...(of.group === '' ? {} : { group: of.group }), kind: word };
}

function qualified(of: Named, word: string = of.plural): string {
  return of.group === '' ? word : `${word}.${of.group}`;
}

export function badRequest(message: string): KubeError {
  return failure(400, 'BadRequest', message);
}

export function notFound(of: Named, name: string): KubeError {
  return failure(404, 'NotFound', `${qualified(of)} "${name}" not found`, detailsOf(of, name));
}

/** As for a path that no API of the server has. */
export function notServed(): KubeError {
  return errorFromResponse('the API in memory', 404, '404 page not found', undefined, 0);
}

export function methodNotAllowed(): KubeError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function alreadyExists(of: Named, name: string): KubeError {
  return failure(409, 'AlreadyExists', `${qualified(of)} "${name}" already exists`, detailsOf(of, name));
}

const modified = 'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(of: Named, name: string, why = modified, word = of.plural): KubeError {
  const message = `Operation cannot be fulfilled on ${qualified(of, word)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, detailsOf(of, name, word));
}

export function invalid(of: Named, name: string, field: string, reason: string, message: string): KubeError {
  return failure(422, 'Invalid', `${qualified(of, of.kind)} "${name}" is invalid: ${field}: ${message}`, {
    ...detailsOf(of, name, of.kind),
    causes: [{ reason, message, field }],
  });
}

export function expired(message: string): KubeError {
  return failure(410, 'Expired', message);
}

export function unsupportedMediaType(accepted: readonly string[]): KubeError {
  const list = accepted.join(', ');
  const message = `the body of the request was in an unknown format - accepted media types include: ${list}`;
  return failure(415, 'UnsupportedMediaType', message);
}
