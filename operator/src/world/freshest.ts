// A store's objects together with what this process wrote and the watch has not told yet.
// Promises: a reader sees its own writes; an entry goes as soon as the watch tells of that version or a later one, and at the
// latest after half a minute. Only in memory: after a restart the watch is all there is, which is enough.

import type { Clock } from '../kube/clock.ts';
import { keyOf, type KubeObject } from '../kube/object.ts';
import type { Informer } from '../kube/informer.ts';

interface Ahead<T> {
  readonly object: T;
  /** Versions that are older than `object`; the watch may still tell of them. */
  readonly older: ReadonlySet<string>;
  readonly untilMs: number;
}

/** A method, not a function: so what is fresh of a narrow kind may stand where any kind is wanted. */
interface Listener<T> {
  handle(object: T): void;
}

const longestMs = 30_000;

export class Freshest<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #clock: Clock;
  readonly #ahead = new Map<string, Ahead<T>>();
  /** By uid: until when an answer to us may still come that was given before the object was deleted, monotonic ms. */
  readonly #gone = new Map<string, number>();
  readonly #listeners: Listener<T>[] = [];

  constructor(informer: Informer<T>, clock: Clock) {
    this.#informer = informer;
    this.#clock = clock;
    informer.onChange((change) => {
      const key = keyOf(change.object);
      const ahead = this.#ahead.get(key);
      if (change.type === 'deleted') this.#bury(change.object);
      if (ahead && change.type !== 'deleted' && isOlder(change.object, ahead)) return;
      if (ahead) this.#ahead.delete(key);
      this.#tell(change.object);
    });
  }

  /**
   * Told whenever `get` may have another answer for the key of an object, with any of its versions. Runs synchronously: it
   * should only take note.
   */
  onChange(handler: (object: T) => void): void {
    const listener = { handle: handler };
    this.#listeners.push(listener);
    for (const object of this.list()) listener.handle(object);
  }

  /** Lets go of writes that the watch never told of; `onChange` is told. */
  expire(): void {
    if (this.#ahead.size === 0) return;
    for (const key of this.#ahead.keys()) this.#live(key);
  }

  get(key: string): T | undefined {
    return this.#live(key)?.object ?? this.#informer.store.get(key);
  }

  list(): T[] {
    this.expire();
    if (this.#ahead.size === 0) return this.#informer.store.list();
    const outdated = new Set([...this.#ahead.keys()].map((key) => this.#informer.store.get(key)));
    const rest = this.#informer.store.list().filter((object) => !outdated.has(object));
    for (const { object } of this.#ahead.values()) rest.push(object);
    return rest;
  }

  /** As Store.byIndex, plus what was written; `belongs` says the same of an object as the index does. */
  byIndex(index: string, value: string, belongs: (object: T) => boolean): T[] {
    this.expire();
    const found = this.#informer.store.byIndex(index, value);
    if (this.#ahead.size === 0) return found;
    const rest = found.filter((object) => !this.#ahead.has(keyOf(object)));
    for (const { object } of this.#ahead.values()) if (belongs(object)) rest.push(object);
    return rest;
  }

  /** Remembers the server's answer to a write of ours. One that comes late, after a later version or the end, changes nothing. */
  wrote(object: T): void {
    if (this.#gone.has(object.metadata.uid ?? '')) return;
    const key = keyOf(object);
    const before = this.#ahead.get(key);
    const stored = this.#informer.store.get(key);
    if (isAsNewAs(stored, object) || isAsNewAs(before?.object, object)) return;
    const older = new Set(before?.older ?? []);
    for (const version of [before?.object.metadata.resourceVersion, stored?.metadata.resourceVersion]) {
      if (version !== undefined) older.add(version);
    }
    this.#ahead.set(key, { object, older, untilMs: this.#clock.monotonic() + longestMs });
    this.#tell(object);
  }

  /** Trusts the watch again, as for an object that is gone. */
  forget(key: string): void {
    const ahead = this.#ahead.get(key);
    if (!ahead) return;
    this.#ahead.delete(key);
    this.#tell(ahead.object);
  }

  #bury({ metadata: { uid } }: T): void {
    const nowMs = this.#clock.monotonic();
    for (const [old, untilMs] of this.#gone) {
      if (untilMs > nowMs) break;
      this.#gone.delete(old);
    }
    if (uid !== undefined) this.#gone.set(uid, nowMs + longestMs);
  }

  #live(key: string): Ahead<T> | undefined {
    const ahead = this.#ahead.get(key);
    if (ahead && ahead.untilMs <= this.#clock.monotonic()) {
      this.forget(key);
      return undefined;
    }
    return ahead;
  }

  #tell(object: T): void {
    for (const listener of this.#listeners) listener.handle(object);
  }
}

/** Versions between the watch's and ours may be of others: only their numbers tell that they are older. */
function isOlder({ metadata }: KubeObject, { object, older }: Ahead<KubeObject>): boolean {
  const { uid, resourceVersion = '' } = metadata;
  if (uid !== object.metadata.uid || resourceVersion === object.metadata.resourceVersion) return false;
  return older.has(resourceVersion) || isAsNewAs(object, { metadata });
}

/**
 * Whether `known` is the same version of the same object as `other`, or a later one. Versions are whole numbers that grow
 * (Kubernetes says so of its own: KEP-5504); of others nothing but equality can be told.
 */
function isAsNewAs(known: KubeObject | undefined, other: KubeObject): boolean {
  if (known?.metadata.uid !== other.metadata.uid || known === undefined) return false;
  const [a = '', b = ''] = [known.metadata.resourceVersion, other.metadata.resourceVersion];
  if (a === b) return true;
  return /^\d+$/.test(a) && /^\d+$/.test(b) && (a.length === b.length ? a > b : a.length > b.length);
}
