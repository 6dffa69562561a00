// What the server answers when it refuses: a Status object carried by an ApiFailure. Every refusal of the REST core is
// made by one of the functions here, so that reasons, codes and texts stay those of Kubernetes. No HTTP here.

import type { FieldError, ServedResource } from '../registry/types.ts';

export interface Cause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** A refusal on its way to the client. */
export class ApiFailure extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'failure');
    this.name = 'ApiFailure';
    this.status = status;
  }
  get code(): number {
    return this.status.code ?? 500;
  }
}

type Named = Pick<ServedResource, 'group' | 'plural'>;
type Kinded = Pick<ServedResource, 'group' | 'kind'>;

export function failure(
  code: number,
  reason: string | undefined,
  message: string,
  details?: StatusDetails,
): ApiFailure {
  return new ApiFailure({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  });
}

/** `widgets.example.dev`, or `pods` in the core group. */
export function qualified(group: string, word: string): string {
  return group === '' ? word : `${word}.${group}`;
}

/** Details in the field order of Kubernetes, leaving empty members out. */
export function detailsOf(group: string, kind: string, name?: string): StatusDetails {
  return { ...(name ? { name } : {}), ...(group ? { group } : {}), kind };
}

export function notFound(of: Named, name: string): ApiFailure {
  return failure(
    404,
    'NotFound',
    `${qualified(of.group, of.plural)} "${name}" not found`,
    detailsOf(of.group, of.plural, name),
  );
}

export function alreadyExists(of: Named, name: string): ApiFailure {
  return failure(
    409,
    'AlreadyExists',
    `${qualified(of.group, of.plural)} "${name}" already exists`,
    detailsOf(of.group, of.plural, name),
  );
}

export function conflict(of: Named, name: string, why?: string): ApiFailure {
  const text = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(of.group, of.plural)} "${name}": ${text}`,
    detailsOf(of.group, of.plural, name),
  );
}

/** 422 with one cause per error; the message joins them in brackets when there is more than one. */
export function invalid(of: Kinded, name: string, errors: readonly FieldError[]): ApiFailure {
  const lines = [...new Set(errors.map((e) => `${e.field}: ${e.message}`))];
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return failure(422, 'Invalid', `${qualified(of.group, of.kind)} "${name}" is invalid: ${text}`, {
    ...detailsOf(of.group, of.kind, name),
    causes: errors.map((e) => ({ reason: e.reason, message: e.message, field: e.field })),
  });
}

export function badRequest(message: string): ApiFailure {
  return failure(400, 'BadRequest', message);
}

export function unauthorized(): ApiFailure {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

export function forbidden(of: Named, name: string | undefined, why: string): ApiFailure {
  const what = name ? `${qualified(of.group, of.plural)} "${name}"` : qualified(of.group, of.plural);
  return failure(403, 'Forbidden', `${what} is forbidden: ${why}`, detailsOf(of.group, of.plural, name));
}

export function methodNotAllowed(): ApiFailure {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** Of a verb that custom objects, or a part of them, do not have. */
export function methodNotSupported(of: Named, verb: string): ApiFailure {
  const message = `${verb} is not supported on resources of kind ${JSON.stringify(qualified(of.group, of.plural))}`;
  return failure(405, 'MethodNotAllowed', message, detailsOf(of.group, of.plural));
}

/** Of a path below a built-in group that leads nowhere. */
export function noSuchResource(): ApiFailure {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function definitionTerminating(of: Named): ApiFailure {
  const why = 'create not allowed while custom resource definition is terminating';
  return failure(405, 'MethodNotAllowed', why, detailsOf(of.group, of.plural));
}

export function unsupportedMediaType(accepted: readonly string[]): ApiFailure {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function notAcceptable(): ApiFailure {
  return failure(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
}

export function tooLarge(limit: number): ApiFailure {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);
}

export function requestTimeout(): ApiFailure {
  return failure(504, 'Timeout', 'Timeout: request did not complete within the allotted timeout', {});
}

/** 410: the history that the client asks for is compacted. */
export function expired(message: string, metadata: Status['metadata'] = {}): ApiFailure {
  return new ApiFailure({ ...failure(410, 'Expired', message).status, metadata });
}

export function resourceVersionTooLarge(asked: number, current: number): ApiFailure {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** 500 as Kubernetes gives it for errors that it did not foresee: no reason, the text as it is. */
export function plainError(message: string): ApiFailure {
  return failure(500, undefined, message);
}

export function internalError(message: string): ApiFailure {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
}

export function serviceUnavailable(message: string): ApiFailure {
  return failure(503, 'ServiceUnavailable', message);
}
