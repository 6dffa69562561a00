// What the guest that a job has now has printed on its serial line lately, for a terminal that was away or is new.
// Promises: bounded, whatever a guest prints; for those who may read logs of pods there; a machine that is gone keeps nobody from what
// the guest printed elsewhere. KubeVirt keeps what a guest prints as the log
// of a container (guest-console-log) of each launcher pod, one for every machine that the guest was on.

import type { Pod } from '../api/kubernetes.ts';
import { pods } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { toKubeError, type KubeErrorKind } from '../kube/errors.ts';
import { consoleContainer, labels } from '../model/names.ts';
import type { Authorization } from '../server/authorization.ts';
import { consoleLog, type ConsoleLog } from './console-schemas.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { jobPath } from './schemas.ts';
import type { Sources } from './sources.ts';

const tailLines = 500;
const mostCharacters = 128 * 1024;
/** Less than what a terminal waits for its past. */
const patienceMs = 2_000;
/** Places of one guest of which the log is told. */
const mostPlaces = 4;
/** A terminal asks up to four times when it is opened; each time the kubelet of every place sends what may be long lines. */
const rate = { perSecond: 4, burst: 40 };

export function consoleLogEndpoint(o: {
  readonly client: KubeClient;
  readonly authorization: Authorization;
  readonly sources: Pick<Sources, 'job'>;
}): Endpoint {
  return endpoint({
    method: 'get',
    path: '/api/v1/namespaces/{namespace}/jobs/{name}/console-log',
    summary: 'The last lines that the guest of a job printed on its serial line, at each of its places',
    tag: 'consoles',
    params: jobPath,
    answer: consoleLog,
    rate,
    handle: async ({ caller, params: { namespace, name } }): Promise<ConsoleLog> => {
      await o.authorization.require(caller.user, { verb: 'get', namespace, name });
      await o.authorization.require(caller.user, { verb: 'get', resource: pods, subresource: 'log', namespace });
      const attempt = o.sources.job(namespace, name)?.status?.attempts?.at(-1)?.number;
      if (attempt === undefined) return { logs: [], missing: false };
      const labelSelector = `${labels.job}=${name},${labels.attempt}=${attempt}`;
      const { items } = await o.client.list<Pod>(pods, { namespace, labelSelector });
      const made = (pod: Pod): string => pod.metadata.creationTimestamp ?? '';
      const places = items.sort((a, b) => made(a).localeCompare(made(b))).slice(-mostPlaces);
      const read = await Promise.all(places.map(({ metadata }) => logOf(o.client, namespace, metadata.name)));
      return {
        logs: read.filter((each) => typeof each !== 'string'),
        missing: read.includes('unreachable'),
      };
    },
  });
}

/** A pod that has not begun, or has gone meanwhile. */
const noLog: ReadonlySet<KubeErrorKind> = new Set(['notFound', 'badRequest']);
/** The kubelet does not answer the API server, or does not in time. */
const unreachable: ReadonlySet<KubeErrorKind> = new Set(['server', 'timeout', 'network', 'aborted']);

async function logOf(
  client: KubeClient,
  namespace: string,
  pod: string,
): Promise<ConsoleLog['logs'][number] | 'none' | 'unreachable'> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    const signal = AbortSignal.timeout(patienceMs);
    for await (const chunk of client.logs({ namespace, name: pod }, { container: consoleContainer, tailLines, signal }))
      text = (text + decoder.decode(chunk, { stream: true })).slice(-mostCharacters);
  } catch (error) {
    const { kind } = toKubeError(error);
    if (noLog.has(kind)) return 'none';
    if (unreachable.has(kind)) return 'unreachable';
    throw error;
  }
  // What was cut off begins within a line.
  return { pod, text: text.length < mostCharacters ? text : text.slice(text.indexOf('\n') + 1) };
}
