// One watch on the API in memory.
// Promises: events come in the order of writes, after the write has been carried out; a bookmark about once a minute and at
// the end; the end is in good order at the time limit, and an error when the caller aborts or a handler throws.

import type { Timer } from '@idlewild/operator/kube/clock.ts';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { notServed } from './failures.ts';
import { named } from './kinds.ts';
import type { MemoryApi } from './memory-api.ts';
import { routeOf } from './routes.ts';
import type { Seen } from './shelf.ts';

type WatchRequest = Parameters<NonNullable<Transport['watch']>>[0];
type Sent = { readonly type: string; readonly object: unknown };

const longestMs = 1_800_000;

export function openWatch(api: MemoryApi, { path, query = {}, signal, onEvent }: WatchRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): KubeError => new KubeError(`GET ${path}: aborted`, { kind: 'aborted', cause: signal.reason });
    if (signal.aborted) throw aborted();
    const route = routeOf(path);
    if (!route) throw notServed();
    const { kind } = api.shelf(route);
    const view = api.view(route.namespace, String(query['labelSelector'] ?? ''), String(query['fieldSelector'] ?? ''));
    let waiting: Sent[] = [];
    let over = false;
    const finish = (settle: () => void): void => {
      if (over) return;
      over = true;
      stop();
      limit.cancel();
      bookmarks?.cancel();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = (): void => finish(() => reject(aborted()));
    const flush = (): void => {
      const sent = waiting;
      waiting = [];
      for (const event of sent) {
        if (over) return;
        try {
          onEvent(event);
        } catch (error) {
          finish(() => reject(error as Error));
        }
      }
    };
    const send = (event: Sent): void => {
      waiting.push(event);
      if (waiting.length === 1) queueMicrotask(flush);
    };
    const bookmark = (): void => {
      const { apiVersion, kind: word } = named(kind);
      const object = { kind: word, apiVersion, metadata: { resourceVersion: String(api.revision) } };
      send({ type: 'BOOKMARK', object });
    };
    const since = String(query['resourceVersion'] ?? '');
    if (since === '' || since === '0') {
      for (const object of api.shelf(route).list(view)) send({ type: 'ADDED', object });
    }
    const from = since === '' || since === '0' ? api.revision : Number(since);
    const stop = api.shelf(route).watch({ ...view, tell: (seen: Seen) => send(seen) }, from);
    const wantsBookmarks = query['allowWatchBookmarks'] === true;
    const mark = (): Timer =>
      api.clock.setTimeout(() => {
        bookmark();
        bookmarks = mark();
      }, api.bookmarkEveryMs);
    let bookmarks = wantsBookmarks ? mark() : undefined;
    const seconds = Number(query['timeoutSeconds'] ?? 0);
    const limit = api.clock.setTimeout(
      () => {
        if (wantsBookmarks) bookmark();
        queueMicrotask(() => finish(resolve));
      },
      seconds > 0 ? seconds * 1000 : longestMs,
    );
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
