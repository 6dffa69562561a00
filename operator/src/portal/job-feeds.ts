// What a job's page follows beside the job: the Events about it, and what its guests print.
// Promises: ends when told; memory is bounded whatever a guest prints (a page that reads slowly slows the reading).

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pod } from '../api/kubernetes.ts';
import { coreEvents, pods } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { isAborted, isMissing, toKubeError } from '../kube/errors.ts';
import { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/object.ts';
import { consoleContainer, labels } from '../model/names.ts';
import type { RowChange } from './change-log.ts';
import type { EventRow } from './schemas.ts';

export interface CoreEvent extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly eventTime?: string | null;
  readonly lastTimestamp?: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string } | null;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}

export interface EventsFeed {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  readonly onRows: (rows: readonly RowChange<EventRow>[], first: boolean) => void;
}

export function followEvents({ client, clock, log, namespace, name, onRows }: EventsFeed): () => void {
  const stop = new AbortController();
  const fieldSelector = `involvedObject.kind=ComputeJob,involvedObject.name=${name}`;
  const informer = new Informer<CoreEvent>({ client, clock, log, type: coreEvents, namespace, fieldSelector });
  const row = (event: CoreEvent): RowChange<EventRow> => ({
    key: event.metadata.uid ?? event.metadata.name,
    namespace,
    row: eventRowOf(event),
  });
  void informer.run(stop.signal);
  informer.synced().then(
    () => {
      onRows(informer.store.list().map(row), true);
      let quiet = true;
      informer.onChange((change) => {
        if (quiet) return;
        const { key, row: shown } = row(change.object);
        onRows([change.type === 'deleted' ? { key, namespace } : { key, namespace, row: shown! }], false);
      });
      // What is there already was told at once to the listener, and is in the rows above.
      quiet = false;
    },
    () => undefined,
  );
  return () => stop.abort();
}

export function eventRowOf(event: CoreEvent): EventRow {
  const { metadata, series, lastTimestamp, eventTime } = event;
  return {
    uid: metadata.uid ?? metadata.name,
    at: series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '',
    type: event.type ?? 'Normal',
    reason: event.reason ?? '',
    message: event.message ?? '',
    count: series?.count ?? event.count ?? 1,
    about: `${event.involvedObject?.kind ?? ''} ${event.involvedObject?.name ?? ''}`,
  };
}

export interface OutputFeed {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  readonly onText: (pod: string, attempt: number, text: string) => void;
  readonly onError: (error: unknown) => void;
  /** Bytes that the page has not taken yet. */
  readonly backlog: () => number;
}

/** Lines of the past that are shown of each guest. */
const pastLines = 2_000;
/** A page that is behind by more makes the reading wait. */
const mostBacklog = 512 * 1024;
const backlogPollMs = 50;
const retryMs = 1_000;
/** A guest may be quiet for long, and its kubelet answers with its next line. */
const beginsWithinMs = 10 * 60_000;

/** The consoles of all launcher pods that there are, oldest first, each followed until it ends. */
export function followOutput({ client, log, namespace, name, onText, onError, backlog }: OutputFeed): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const follow = async (pod: Pod): Promise<void> => {
    const attempt = Number(pod.metadata.labels?.[labels.attempt] ?? 0);
    const decoder = new TextDecoder();
    const ref = { namespace, name: pod.metadata.name };
    let tailLines = pastLines;
    for (;;) {
      try {
        const how = { follow: true, tailLines, beginsWithinMs };
        for await (const chunk of client.logs(ref, { container: consoleContainer, ...how, signal })) {
          // What was shown is not shown again.
          tailLines = 0;
          onText(pod.metadata.name, attempt, decoder.decode(chunk, { stream: true }));
          while (backlog() > mostBacklog) await delay(backlogPollMs, undefined, { signal });
        }
        return;
      } catch (error) {
        if (isAborted(error) || isMissing(error, pods.plural)) return;
        // A container that has not started yet is refused: there is nothing to read so far.
        if (toKubeError(error).kind !== 'badRequest') {
          log.debug({ err: error, pod: pod.metadata.name }, 'a console could not be read');
        }
        await delay(retryMs, undefined, { signal });
      }
    }
  };
  const seen = new Set<string>();
  const informer = new Informer<Pod>({ client, log, type: pods, namespace, labelSelector: `${labels.job}=${name}` });
  const read = (pod: Pod): void => {
    if (seen.has(pod.metadata.uid ?? '')) return;
    seen.add(pod.metadata.uid ?? '');
    follow(pod).catch((error: unknown) => {
      if (!signal.aborted) onError(error);
    });
  };
  void informer.run(signal);
  informer.synced().then(
    () => {
      const age = (pod: Pod): string => pod.metadata.creationTimestamp ?? '';
      for (const pod of informer.store.list().sort((a, b) => age(a).localeCompare(age(b)))) read(pod);
      informer.onChange(({ type, object }) => {
        if (type !== 'deleted') read(object);
      });
    },
    () => undefined,
  );
  return () => stop.abort();
}
