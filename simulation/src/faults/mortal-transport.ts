// A transport that dies at a given write, as a process does that is killed: before the server carried the write out, or after,
// when nobody hears the answer any more. Nothing is sent from then on.
// Must not count events: an operator works without them.

import { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Transport, TransportRequest } from '@idlewild/operator/kube/transport.ts';

export interface Death {
  /** The write at which it comes, counted from 1. */
  readonly write: number;
  readonly when: 'before' | 'after';
  /** Only writes count that the server carried out, so that each life gets something done; goes with "after". */
  readonly carriedOut?: boolean;
}

export interface Mortal {
  readonly transport: Transport;
  readonly dead: AbortSignal;
  /** The death that was asked for has come. */
  readonly struck: () => boolean;
  /** Dies now, whatever it is doing. */
  readonly kill: () => void;
  /** Writes so far, without events. */
  readonly writes: () => number;
}

export function mortal(inner: Transport, death?: Death): Mortal {
  const end = new AbortController();
  let writes = 0;
  let done = 0;
  let struck = false;
  const gone = (): KubeError => new KubeError('the operator was killed', { kind: 'aborted' });
  const refuse = (): void => {
    if (end.signal.aborted) throw gone();
  };
  /** What the process does not live to hear is never heard. */
  const heard = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      const value = await answer;
      refuse();
      return value;
    } catch (error) {
      refuse();
      throw error;
    }
  };
  const { watch } = inner;
  return {
    dead: end.signal,
    kill: () => end.abort(),
    struck: () => struck,
    writes: () => writes,
    transport: {
      server: inner.server,
      close: () => inner.close(),
      request: async (request) => {
        refuse();
        if (!isCounted(request)) return heard(inner.request(request));
        writes += 1;
        if (death?.carriedOut) {
          const response = await heard(inner.request(request));
          done += 1;
          if (done < death.write) return response;
        } else if (writes !== death?.write) return heard(inner.request(request));
        else if (death.when === 'after') await inner.request(request).catch(() => undefined);
        struck = true;
        end.abort();
        throw gone();
      },
      stream: async (request) => {
        refuse();
        return heard(inner.stream({ ...request, signal: AbortSignal.any([request.signal, end.signal]) }));
      },
      ...(watch && {
        watch: async (request) => {
          refuse();
          const onEvent: typeof request.onEvent = (event) => {
            if (!end.signal.aborted) request.onEvent(event);
          };
          await heard(watch({ ...request, onEvent, signal: AbortSignal.any([request.signal, end.signal]) }));
        },
      }),
    },
  };
}

/** A write that matters. */
export function isCounted({ method, path }: Pick<TransportRequest, 'method' | 'path'>): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && !path.includes('/events');
}
