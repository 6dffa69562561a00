// All objects of one kind, the changes of the recent past, and whoever watches them.
// Promises: lists are in the order of keys; every watcher is told of each change in order; an object that enters or leaves
// what a watcher selected is added or deleted to it. Must not know requests.

import { keyOf } from '@idlewild/operator/kube/object.ts';
import { expired } from './failures.ts';
import type { ApiObject, ServedKind } from './kinds.ts';
import type { Selector } from './selectors.ts';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: ServedKind;
  readonly revision: number;
  /** For DELETED the last state, with the resourceVersion of the deletion. */
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
}

export interface Seen {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
}

export interface View {
  /** "" for all namespaces. */
  readonly namespace: string;
  readonly selector: Selector | undefined;
}

export interface Watcher extends View {
  tell(seen: Seen): void;
}

export class Shelf {
  readonly kind: ServedKind;
  readonly objects = new Map<string, ApiObject>();
  readonly #watchers = new Set<Watcher>();
  readonly #longest: number;
  #history: Change[] = [];
  #forgotten = 0;
  #keys: string[] | undefined;

  /** @param history how many changes a returning watcher can catch up with. */
  constructor(kind: ServedKind, history: number) {
    this.kind = kind;
    this.#longest = history;
  }

  /** In the order of keys. */
  list({ namespace, selector }: View): ApiObject[] {
    this.#keys ??= [...this.objects.keys()].sort();
    const prefix = `${namespace}/`;
    const found: ApiObject[] = [];
    for (const key of this.#keys) {
      if (namespace !== '' && !key.startsWith(prefix)) continue;
      const object = this.objects.get(key) as ApiObject;
      if (selector === undefined || selector(object)) found.push(object);
    }
    return found;
  }

  /** Changes the objects, and says so to those who watch. */
  accept(change: Change): void {
    const key = keyOf(change.object);
    if (change.type === 'DELETED') this.objects.delete(key);
    else this.objects.set(key, change.object);
    if (change.type !== 'MODIFIED') this.#keys = undefined;
    this.#history.push(change);
    if (this.#history.length > 2 * this.#longest) this.forget(this.#longest);
    for (const watcher of this.#watchers) {
      const seen = seenBy(watcher, change);
      if (seen) watcher.tell(seen);
    }
  }

  /** Tells of the changes after `since` and then of all to come, until the returned function is called. Throws 410. */
  watch(watcher: Watcher, since: number): () => void {
    if (since < this.#forgotten) throw expired(`too old resource version: ${since} (${this.#forgotten})`);
    let from = this.#history.length;
    while (from > 0 && (this.#history[from - 1] as Change).revision > since) from--;
    for (const change of this.#history.slice(from)) {
      const seen = seenBy(watcher, change);
      if (seen) watcher.tell(seen);
    }
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Keeps only so many of the past changes, as a compaction does. */
  forget(kept: number): void {
    const dropped = Math.max(0, this.#history.length - kept);
    this.#forgotten = this.#history[dropped - 1]?.revision ?? this.#forgotten;
    this.#history = this.#history.slice(dropped);
  }
}

function seenBy({ namespace, selector }: View, { type, object, previous, revision }: Change): Seen | undefined {
  if (namespace !== '' && object.metadata.namespace !== namespace) return undefined;
  if (selector === undefined) return { type, object };
  const before = previous !== undefined && selector(previous);
  if (type === 'DELETED') return before ? { type, object } : undefined;
  if (selector(object)) return { type: before ? 'MODIFIED' : 'ADDED', object };
  if (!before || previous === undefined) return undefined;
  // It left the selection: its last selected state, at the revision of the change.
  const metadata = Object.freeze({ ...previous.metadata, resourceVersion: String(revision) });
  return { type: 'DELETED', object: Object.freeze({ ...previous, metadata }) };
}
