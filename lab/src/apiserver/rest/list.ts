// Reading collections: a consistent list at one revision, filtered, cut into pages.

import { expired, resourceVersionTooLarge } from '../errors/status.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import type { Store } from '../storage/store.ts';
import { continueExpired, encodeContinue, type ListQuery } from './list-query.ts';
import { inVersion, storageKey } from './parts.ts';

export interface Page {
  readonly items: readonly ApiObject[];
  readonly revision: number;
  /** '' on the last page. */
  readonly continue: string;
  /** Known only when nothing filters. */
  readonly remaining: number | undefined;
}

const revisionWaitMs = 3000;

/** Waits up to three seconds for a revision of the future, then throws the 504. */
export async function waitForRevision(store: Store, revision: number): Promise<void> {
  const deadline = performance.now() + revisionWaitMs;
  while (store.revision < revision) {
    if (performance.now() >= deadline) throw resourceVersionTooLarge(revision, store.revision);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function listObjects(
  store: Store,
  resource: ServedResource,
  namespace: string,
  query: ListQuery,
): Promise<Page> {
  const asked = query.from?.revision ?? query.revision ?? 0;
  if (asked > store.revision) await waitForRevision(store, asked);
  const exact = query.from?.revision !== undefined || query.match === 'Exact';
  const revision = exact ? asked : store.revision;
  const all = store.listAt(storageKey(resource), namespace, revision);
  if (all === undefined) {
    if (query.from !== undefined) throw continueExpired(query.from.start);
    throw expired(`The resourceVersion for the provided list is too old.`);
  }
  const start = query.from?.start;
  const after = start === undefined ? all : all.filter((object) => keyIn(object, namespace) >= start);
  const shown = after.map((object) => inVersion(resource, object)).filter(query.matches);
  // A page of resourceVersion=0 is served whole, as from Kubernetes' cache.
  const limit = query.revision === 0 && query.match === undefined ? 0 : query.limit;
  if (limit <= 0 || shown.length <= limit) return { items: shown, revision, continue: '', remaining: undefined };
  const items = shown.slice(0, limit);
  const token = encodeContinue(revision, keyIn(items.at(-1) as ApiObject, namespace));
  return { items, revision, continue: token, remaining: query.selective ? undefined : shown.length - limit };
}

/** The key by which lists are ordered: the name within a namespace, otherwise namespace and name. */
function keyIn(object: ApiObject, namespace: string): string {
  const { namespace: own = '', name = '' } = object.metadata ?? {};
  return namespace !== '' || own === '' ? name : `${own}/${name}`;
}
