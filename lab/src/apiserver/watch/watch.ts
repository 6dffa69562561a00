// Watching a collection: the state or the missed changes first, then each change as it is stored, one JSON document per
// line, with bookmarks in between. Selectors turn changes into entering and leaving. A client that reads too slowly is cut
// off and comes back with its last resourceVersion.

import type { ServerResponse } from 'node:http';
import { expired, type Status } from '../errors/status.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { inVersion, storageKey } from '../rest/parts.ts';
import type { Change, Store } from '../storage/store.ts';
import type { WatchQuery } from './watch-query.ts';

export interface WatchOptions {
  readonly resource: ServedResource;
  readonly namespace: string;
  readonly query: WatchQuery;
  /** Renders the object of an event in the form that the client asked for. */
  readonly encode: (object: ApiObject, first: boolean) => string;
  /** Ends the watch early: the server stops. */
  readonly signal: AbortSignal;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

const bookmarkEveryMs = 20_000;
/** More than this many bytes unread, and the client is cut off. */
const mostBuffered = 16 * 1024 * 1024;

/** Starts the stream; the answer ends when the client, the time limit or the server says so. */
export function startWatch(store: Store, response: ServerResponse, options: WatchOptions): void {
  const { resource, namespace, query } = options;
  const key = storageKey(resource);
  let first = true;
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();

  const send = (type: EventType | 'BOOKMARK' | 'ERROR', json: string): void => {
    response.write(`{"type":"${type}","object":${json}}\n`);
    if (response.writableLength > mostBuffered) response.destroy();
  };
  const sendObject = (type: EventType, object: ApiObject): void => {
    send(type, options.encode(object, first));
    first = false;
  };
  const sendBookmark = (initial: boolean): void => {
    if (query.bookmarks) send('BOOKMARK', JSON.stringify(bookmark(resource, store.revision, initial)));
  };

  if (query.since !== undefined && query.since < store.compacted) {
    response.end(`{"type":"ERROR","object":${JSON.stringify(tooOld(query.since, store.compacted))}}\n`);
    return;
  }
  if (query.initialState) {
    for (const object of store.list(key, namespace)) {
      const shown = inVersion(resource, object);
      if (query.matches(shown)) sendObject('ADDED', shown);
    }
    if (query.initialBookmark) sendBookmark(true);
  }
  const forward = (change: Change): void => {
    if (namespace !== '' && change.object.metadata?.namespace !== namespace) return;
    const event = eventOf(resource, change, query.matches);
    if (event !== undefined) sendObject(event.type, event.object);
  };
  if (query.since !== undefined) for (const change of store.changesSince(key, query.since) ?? []) forward(change);
  const beyond = query.since ?? 0;
  const unsubscribe = store.subscribe(key, (change) => {
    if (change.revision > beyond) forward(change);
  });

  const bookmarks = setInterval(() => sendBookmark(false), bookmarkEveryMs);
  const limit = setTimeout(() => {
    sendBookmark(false);
    response.end();
  }, query.timeoutMs);
  const stop = (): void => {
    response.end();
  };
  options.signal.addEventListener('abort', stop);
  response.once('close', () => {
    unsubscribe();
    clearInterval(bookmarks);
    clearTimeout(limit);
    options.signal.removeEventListener('abort', stop);
  });
}

/** What a change means to a watcher with selectors; undefined if nothing. */
export function eventOf(
  resource: ServedResource,
  change: Change,
  matches: (object: ApiObject) => boolean,
): { type: EventType; object: ApiObject } | undefined {
  const object = inVersion(resource, change.object);
  const before = change.previous !== undefined && matches(inVersion(resource, change.previous));
  if (change.type === 'DELETED') return before ? { type: 'DELETED', object } : undefined;
  const now = matches(object);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object };
  if (!before || change.previous === undefined) return undefined;
  // The object left the selection: its last selected state, at the revision of the change.
  const last = inVersion(resource, change.previous);
  return {
    type: 'DELETED',
    object: { ...last, metadata: { ...last.metadata, resourceVersion: String(change.revision) } },
  };
}

function bookmark(resource: ServedResource, revision: number, initial: boolean): ApiObject {
  return {
    kind: resource.kind,
    apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
    metadata: {
      resourceVersion: String(revision),
      ...(initial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  };
}

function tooOld(asked: number, oldest: number): Status {
  return expired(`too old resource version: ${asked} (${oldest})`).status;
}
