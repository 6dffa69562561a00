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

const longestMs = 30_000;

export class Freshest<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #clock: Clock;
  readonly #ahead = new Map<string, Ahead<T>>();

  constructor(informer: Informer<T>, clock: Clock) {
    this.#informer = informer;
    this.#clock = clock;
    informer.onChange((change) => {
      const key = keyOf(change.object);
      const ahead = this.#ahead.get(key);
      if (!ahead) return;
      const { uid, resourceVersion = '' } = change.object.metadata;
      const older = change.type !== 'deleted' && uid === ahead.object.metadata.uid && ahead.older.has(resourceVersion);
      if (!older) this.#ahead.delete(key);
    });
  }

  get(key: string): T | undefined {
    return this.#live(key)?.object ?? this.#informer.store.get(key);
  }

  list(): T[] {
    const keys = [...this.#ahead.keys()].filter((key) => this.#live(key) !== undefined);
    if (keys.length === 0) return this.#informer.store.list();
    const known = new Set(keys);
    const rest = this.#informer.store.list().filter((object) => !known.has(keyOf(object)));
    return [...rest, ...keys.flatMap((key) => this.#ahead.get(key)?.object ?? [])];
  }

  /** As Store.byIndex, plus what was written; `belongs` says the same of an object as the index does. */
  byIndex(index: string, value: string, belongs: (object: T) => boolean): T[] {
    const found = this.#informer.store
      .byIndex(index, value)
      .filter((object) => this.#live(keyOf(object)) === undefined);
    const ahead = [...this.#ahead.keys()].flatMap((key) => this.#live(key)?.object ?? []).filter(belongs);
    return [...found, ...ahead];
  }

  /** Remembers the server's answer to a write of ours. */
  wrote(object: T): void {
    const key = keyOf(object);
    const before = this.#ahead.get(key);
    const stored = this.#informer.store.get(key);
    if (
      stored?.metadata.uid === object.metadata.uid &&
      stored?.metadata.resourceVersion === object.metadata.resourceVersion
    ) {
      return;
    }
    const older = new Set(before?.older ?? []);
    for (const version of [before?.object.metadata.resourceVersion, stored?.metadata.resourceVersion]) {
      if (version !== undefined) older.add(version);
    }
    this.#ahead.set(key, { object, older, untilMs: this.#clock.monotonic() + longestMs });
  }

  /** Trusts the watch again, as after a conflict. */
  forget(key: string): void {
    this.#ahead.delete(key);
  }

  #live(key: string): Ahead<T> | undefined {
    const ahead = this.#ahead.get(key);
    if (ahead && ahead.untilMs <= this.#clock.monotonic()) {
      this.#ahead.delete(key);
      return undefined;
    }
    return ahead;
  }
}
