// A transport that dies after a given number of writes, as a process does that is killed: the server has carried the last
// write out, nobody hears the answer, and nothing is sent any more. For the simulated tests of the operator only.

import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import type { ConsoleLogs } from './played-guests.ts';

export interface Mortal {
  readonly transport: Transport;
  readonly dead: AbortSignal;
  /** Writes so far, without events. */
  readonly writes: () => number;
}

/** @param logs answers requests for pod logs, which no kubelet is there to answer. */
export function mortal(inner: Transport, logs: ConsoleLogs, dieAfter = Number.POSITIVE_INFINITY): Mortal {
  const death = new AbortController();
  let writes = 0;
  const gone = (): KubeError => new KubeError('the operator was killed', { kind: 'aborted' });
  return {
    dead: death.signal,
    writes: () => writes,
    transport: {
      server: inner.server,
      close: () => inner.close(),
      request: async (request) => {
        if (death.signal.aborted) throw gone();
        const counts = request.method !== 'GET' && !request.path.includes('/events');
        const answer = inner.request(request);
        if (!counts) return answer;
        writes += 1;
        const last = writes >= dieAfter;
        // Whatever else is under way at that moment is cut off, too.
        if (last) death.abort();
        const response = await answer;
        if (last) throw gone();
        return response;
      },
      stream: async (request) => {
        if (death.signal.aborted) throw gone();
        const [, namespace, pod] = /\/namespaces\/([^/]+)\/pods\/([^/]+)\/log$/.exec(request.path) ?? [];
        if (pod === undefined) return inner.stream(request);
        return {
          status: 200,
          headers: {},
          body: logs.follow(`${namespace}/${pod}`, request.query?.follow === true, request.signal),
        };
      },
    },
  };
}
