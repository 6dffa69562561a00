// The state of the cluster: all objects in memory, each change written to disk before anybody sees it. Gives one total
// order of changes (the revision, which is the resourceVersion), snapshots of the recent past and a feed of changes.
// Objects handed out are shared and must not be changed.

import { Database } from './database.ts';
import type { ApiObject } from '../registry/types.ts';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly resource: string;
  /** For DELETED the last state, with the resourceVersion of the deletion. */
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
}

/** The rows of one resource, and its sorted list until a key comes or goes. */
interface Shelf {
  readonly objects: Map<string, ApiObject>;
  sorted: readonly ApiObject[] | undefined;
  revision: number;
  readonly listeners: Set<(change: Change) => void>;
}

const defaultHistory = 4000;
/** Characters of JSON that the history may hold: large objects shorten it rather than fill the memory. */
const defaultHistorySize = 64 * 1024 * 1024;
/** The newest changes are kept whatever their size. */
const leastHistory = 100;
/** History is trimmed when it is this much over its limits, not at each change. */
const slack = 1.25;

export class Store {
  readonly #database: Database;
  readonly #shelves = new Map<string, Shelf>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #historyLimit: number;
  readonly #historySizeLimit: number;
  readonly #unannounced: Change[] = [];
  #history: Change[] = [];
  #historySize = 0;
  #revision: number;
  #compacted: number;

  /**
   * @param options.history how many changes a returning watcher can catch up with
   * @param options.historySize how many characters of JSON these changes may hold
   */
  constructor(file: string, options: { history?: number; historySize?: number } = {}) {
    this.#database = new Database(file);
    this.#historyLimit = options.history ?? defaultHistory;
    this.#historySizeLimit = options.historySize ?? defaultHistorySize;
    this.#compacted = this.#database.compactedRevision();
    this.#revision = this.#compacted;
    for (const row of this.#database.objects()) {
      const object = JSON.parse(row.body) as ApiObject;
      this.#shelf(row.resource).objects.set(keyOf(row.namespace, row.name), object);
      this.#revision = Math.max(this.#revision, Number(object.metadata?.resourceVersion ?? 0));
    }
    const read = sharingReader();
    for (const row of this.#database.history()) {
      this.#history.push({
        type: row.type,
        revision: row.revision,
        resource: row.resource,
        object: read(row.body),
        previous: row.previous === null ? undefined : read(row.previous),
      });
      this.#historySize += row.body.length;
      this.#shelf(row.resource).revision = row.revision;
      this.#revision = Math.max(this.#revision, row.revision);
    }
  }

  /** The revision of the newest change. */
  get revision(): number {
    return this.#revision;
  }

  /** Changes up to and including this revision are forgotten. */
  get compacted(): number {
    return this.#compacted;
  }

  /** The revision of the newest known change to one resource. */
  revisionOf(resource: string): number {
    return this.#shelf(resource).revision;
  }

  get(resource: string, namespace: string, name: string): ApiObject | undefined {
    return this.#shelf(resource).objects.get(keyOf(namespace, name));
  }

  /** Sorted by namespace, then name. */
  list(resource: string, namespace = ''): readonly ApiObject[] {
    const shelf = this.#shelf(resource);
    shelf.sorted ??= inOrder(shelf.objects);
    return namespace === '' ? shelf.sorted : shelf.sorted.filter((o) => o.metadata?.namespace === namespace);
  }

  /** The list as it was at a revision, or undefined if that is compacted. */
  listAt(resource: string, namespace: string, revision: number): readonly ApiObject[] | undefined {
    if (revision >= this.#shelf(resource).revision) return this.list(resource, namespace);
    if (revision < this.#compacted) return undefined;
    const objects = new Map(this.#shelf(resource).objects);
    for (let i = this.#history.length - 1; i >= 0; i -= 1) {
      const change = this.#history[i] as Change;
      if (change.revision <= revision) break;
      if (change.resource !== resource) continue;
      const key = keyOfObject(change.object);
      if (change.previous === undefined) objects.delete(key);
      else objects.set(key, change.previous);
    }
    const sorted = inOrder(objects);
    return namespace === '' ? sorted : sorted.filter((o) => o.metadata?.namespace === namespace);
  }

  /** Changes of a resource after a revision, oldest first; undefined if some of them are compacted. */
  changesSince(resource: string, revision: number): readonly Change[] | undefined {
    if (revision < this.#compacted) return undefined;
    return this.#history.filter((c) => c.revision > revision && c.resource === resource);
  }

  /**
   * Stores an object in place of `previous`, which must be what is stored now (undefined: nothing), and returns it with
   * its new resourceVersion. Throws StaleWrite if the stored object is another one by now.
   */
  put(resource: string, object: ApiObject, previous: ApiObject | undefined): ApiObject {
    const key = keyOfObject(object);
    const shelf = this.#shelf(resource);
    if (shelf.objects.get(key) !== previous) throw new StaleWrite(key);
    const revision = this.#revision + 1;
    const stored: ApiObject = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#commit({ type: previous === undefined ? 'ADDED' : 'MODIFIED', revision, resource, object: stored, previous });
    return stored;
  }

  /** Removes `previous`, which must be what is stored now. Returns the last state with the deletion's revision. */
  remove(resource: string, previous: ApiObject): ApiObject {
    const key = keyOfObject(previous);
    if (this.#shelf(resource).objects.get(key) !== previous) throw new StaleWrite(key);
    const revision = this.#revision + 1;
    const last: ApiObject = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(revision) } };
    this.#commit({ type: 'DELETED', revision, resource, object: last, previous });
    return last;
  }

  /** Calls the listener with each later change of the resource, in order, until the returned function is called. */
  subscribe(resource: string, listener: (change: Change) => void): () => void {
    const { listeners } = this.#shelf(resource);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Like subscribe, for every resource. */
  subscribeAll(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#database.close();
  }

  #shelf(resource: string): Shelf {
    let shelf = this.#shelves.get(resource);
    if (shelf === undefined) {
      shelf = { objects: new Map(), sorted: undefined, revision: this.#compacted ?? 0, listeners: new Set() };
      this.#shelves.set(resource, shelf);
    }
    return shelf;
  }

  #commit(change: Change): void {
    const { resource, revision, type, object, previous } = change;
    const namespace = object.metadata?.namespace ?? '';
    const name = object.metadata?.name ?? '';
    const body = jsonOf(object);
    this.#database.write(
      { resource, namespace, name, body },
      { revision, resource, type, body, previous: previous === undefined ? null : jsonOf(previous) },
    );
    this.#revision = revision;
    const shelf = this.#shelf(resource);
    if (type === 'DELETED') shelf.objects.delete(keyOf(namespace, name));
    else shelf.objects.set(keyOf(namespace, name), object);
    shelf.sorted = undefined;
    shelf.revision = revision;
    this.#history.push(change);
    this.#historySize += body.length;
    const tooMany = this.#history.length > this.#historyLimit * slack;
    const tooLarge = this.#historySize > this.#historySizeLimit * slack && this.#history.length > leastHistory;
    if (tooMany || tooLarge) this.#compact();
    this.#announce(change);
  }

  /** A listener may write: what it writes is announced after the change that it was told of, to everybody. */
  #announce(change: Change): void {
    this.#unannounced.push(change);
    if (this.#unannounced.length > 1) return;
    for (let next = this.#unannounced[0]; next !== undefined; next = this.#unannounced[0]) {
      try {
        for (const listener of [...this.#shelf(next.resource).listeners, ...this.#listeners]) listener(next);
      } finally {
        this.#unannounced.shift();
      }
    }
  }

  #compact(): void {
    let dropped = Math.max(0, this.#history.length - this.#historyLimit);
    let size = this.#historySize;
    const sizeOf = (change: Change | undefined): number => (change === undefined ? 0 : jsonOf(change.object).length);
    for (let i = 0; i < dropped; i += 1) size -= sizeOf(this.#history[i]);
    for (; size > this.#historySizeLimit && this.#history.length - dropped > leastHistory; dropped += 1) {
      size -= sizeOf(this.#history[dropped]);
    }
    this.#historySize = size;
    const last = this.#history[dropped - 1];
    if (last === undefined) return;
    this.#database.compact(last.revision);
    this.#history = this.#history.slice(dropped);
    this.#compacted = last.revision;
  }
}

/** The stored object is no longer the one that the write was based on. */
export class StaleWrite extends Error {
  constructor(key: string) {
    super(`${key} was changed meanwhile`);
    this.name = 'StaleWrite';
  }
}

const encoded = new WeakMap<ApiObject, string>();

/** The JSON of a stored object, made once however many watchers and lists send it. */
export function jsonOf(object: ApiObject): string {
  let json = encoded.get(object);
  if (json === undefined) {
    json = JSON.stringify(object);
    encoded.set(object, json);
  }
  return json;
}

/** Reads rows whose texts repeat (what one change made is what the next one found) without keeping them twice. */
function sharingReader(): (json: string) => ApiObject {
  const known = new Map<string, ApiObject>();
  return (json) => {
    let object = known.get(json);
    if (object === undefined) known.set(json, (object = JSON.parse(json) as ApiObject));
    return object;
  };
}

function keyOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

function keyOfObject(object: ApiObject): string {
  return keyOf(object.metadata?.namespace ?? '', object.metadata?.name ?? '');
}

function inOrder(objects: ReadonlyMap<string, ApiObject>): readonly ApiObject[] {
  return [...objects.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}
