// The closed error type of everything that talks to the API server.
// Promises: whatever failed below (HTTP status, watch ERROR event, socket, timeout, abort) is one KubeError whose `kind`
// tells the caller what to do. Must not be extended with kinds that no caller tells apart.

export const kubeErrorKinds = [
  'notFound',
  'conflict',
  'alreadyExists',
  'gone',
  'invalid',
  'forbidden',
  'unauthorized',
  'throttled',
  'timeout',
  'network',
  'server',
  'badRequest',
  'aborted',
] as const;

export type KubeErrorKind = (typeof kubeErrorKinds)[number];

/** meta/v1 Status, as the API server answers on failure. */
export interface Status {
  kind?: string;
  apiVersion?: string;
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

export interface KubeErrorOptions {
  readonly kind: KubeErrorKind;
  /** HTTP status, absent for failures below HTTP. */
  readonly status?: number | undefined;
  /** Status.reason, for example "AlreadyExists". */
  readonly reason?: string | undefined;
  readonly body?: Status | undefined;
  /** How long the server asked us to wait, in ms. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly kind: KubeErrorKind;
  readonly status?: number;
  readonly reason?: string;
  readonly body?: Status;
  readonly retryAfterMs?: number;

  constructor(message: string, options: KubeErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    if (options.status !== undefined) this.status = options.status;
    if (options.reason !== undefined) this.reason = options.reason;
    if (options.body !== undefined) this.body = options.body;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

/** What an HTTP status and a Status.reason mean to a caller. */
export function kindOf(status: number, reason: string | undefined): KubeErrorKind {
  switch (status) {
    case 400:
      return 'badRequest';
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'notFound';
    case 408:
    case 504:
      return 'timeout';
    case 409:
      return reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
    case 410:
      return 'gone';
    case 422:
      return 'invalid';
    case 429:
      return 'throttled';
    default:
      return status >= 500 ? 'server' : 'badRequest';
  }
}

/** The error of an answer with status 400 or above. `attempted` says what was asked, for example "get pods a/b". */
export function errorFromResponse(
  attempted: string,
  status: number,
  body: unknown,
  retryAfter: string | undefined,
  nowMs: number = Date.now(),
): KubeError {
  const parsed = asStatus(body);
  const detail = parsed?.message ?? (typeof body === 'string' && body.trim() ? body.trim().slice(0, 300) : undefined);
  const seconds = parsed?.details?.retryAfterSeconds;
  return new KubeError(`${attempted}: ${detail ?? `HTTP status ${status}`}`, {
    kind: kindOf(status, parsed?.reason),
    status,
    reason: parsed?.reason,
    body: parsed,
    retryAfterMs: parseRetryAfter(retryAfter, nowMs) ?? (seconds === undefined ? undefined : seconds * 1000),
  });
}

/** The error that a watch reports as an event of type ERROR. */
export function errorFromWatchEvent(attempted: string, object: unknown): KubeError {
  const status = asStatus(object);
  return errorFromResponse(attempted, status?.code ?? 500, object, undefined);
}

/** Retry-After in either of its two forms (RFC 9110, 10.2.3), in ms; undefined when absent or unreadable. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

const timeoutCodes = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

/**
 * Turns anything caught around an API call into a KubeError; a KubeError is returned as it is. What is neither an abort
 * nor a timeout counts as a fault of the network, so only use it where nothing else can throw.
 */
export function toKubeError(error: unknown, attempted?: string): KubeError {
  if (error instanceof KubeError) return error;
  const prefix = attempted === undefined ? '' : `${attempted}: `;
  if (isAbort(error)) return new KubeError(`${prefix}aborted`, { kind: 'aborted', cause: error });
  const code = codeOf(error);
  const message = messageOf(error);
  const text = code === undefined || message.includes(code) ? message : `${message} (${code})`;
  if ((code !== undefined && timeoutCodes.has(code)) || isNamed(error, 'TimeoutError')) {
    return new KubeError(`${prefix}${text}`, { kind: 'timeout', cause: error });
  }
  return new KubeError(`${prefix}${text}`, { kind: 'network', cause: error });
}

export function isNotFound(error: unknown): error is KubeError {
  return error instanceof KubeError && error.kind === 'notFound';
}
/**
 * The API server itself has no such object. A subresource may answer 404 besides, for whoever is asked further: of a log that is a
 * kubelet, which knows of no pod for a moment after its own start (pkg/kubelet/server, getContainerLogs).
 * @param plural of the object, such as "pods".
 */
export function isMissing(error: unknown, plural: string): boolean {
  return isNotFound(error) && error.body?.details?.kind === plural;
}
export function isConflict(error: unknown): error is KubeError {
  return error instanceof KubeError && error.kind === 'conflict';
}
export function isAlreadyExists(error: unknown): error is KubeError {
  return error instanceof KubeError && error.kind === 'alreadyExists';
}
export function isGone(error: unknown): error is KubeError {
  return error instanceof KubeError && error.kind === 'gone';
}
/** True for our own `aborted` and for the AbortError that platform functions throw. */
export function isAborted(error: unknown): boolean {
  return error instanceof KubeError ? error.kind === 'aborted' : isAbort(error);
}

function asStatus(body: unknown): Status | undefined {
  return typeof body === 'object' && body !== null && (body as Status).kind === 'Status' ? (body as Status) : undefined;
}

function isAbort(error: unknown): boolean {
  return isNamed(error, 'AbortError') || codeOf(error) === 'UND_ERR_ABORTED';
}

function isNamed(error: unknown, name: string): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === name;
}

function messageOf(error: unknown): string {
  const { message, name } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (typeof message === 'string' && message !== '') return message;
  return typeof name === 'string' ? name : String(error);
}

function codeOf(error: unknown): string | undefined {
  for (let e = error, depth = 0; typeof e === 'object' && e !== null && depth < 4; depth++) {
    const code = (e as { code?: unknown }).code;
    if (typeof code === 'string') return code;
    e = (e as { cause?: unknown }).cause;
  }
  return undefined;
}
