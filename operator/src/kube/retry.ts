// Which failed requests are sent again, and when.
// Promises: a request that may have been carried out is never repeated unless it is a read; the rest is left to whoever
// reconciles. Pure.

import type { KubeError } from './errors.ts';

export interface FailedRequest {
  readonly method: string;
  readonly error: KubeError;
  /** Retries already made. */
  readonly attempt: number;
  /** Milliseconds since the first try. */
  readonly elapsedMs: number;
}

const maxRetries = 5;
/** Above this, waiting inside a request would hide an overloaded server from the caller. */
const maxTotalWaitMs = 10_000;

/** The ms to wait before sending again, or undefined to give up and report the error. */
export function retryDelayMs(failed: FailedRequest, random: () => number): number | undefined {
  const { method, error, attempt, elapsedMs } = failed;
  if (attempt >= maxRetries) return undefined;
  const read = method === 'GET' || method === 'HEAD';
  switch (error.kind) {
    case 'throttled':
    case 'server':
      // Only with Retry-After has the server said that it turned the request away unread. An eviction refused with 429
      // comes without it and means "not now", which the caller must hear.
      if (error.retryAfterMs === undefined || error.retryAfterMs + elapsedMs > maxTotalWaitMs) return undefined;
      return error.retryAfterMs + 50 * random();
    case 'network':
      // A kept-alive connection that the server closed just as we used it. Once is enough: a second failure is news.
      return read && attempt === 0 ? 20 * random() : undefined;
    case 'notFound':
    case 'conflict':
    case 'alreadyExists':
    case 'gone':
    case 'invalid':
    case 'forbidden':
    case 'unauthorized':
    case 'timeout':
    case 'badRequest':
    case 'aborted':
      return undefined;
  }
}
