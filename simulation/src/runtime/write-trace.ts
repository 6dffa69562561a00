// What was written to an API in memory, by whom and when: the account of a run that two runs of one seed must share.
// Promises: costs next to nothing until it is read; never shows what is in a Secret.

import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { MemoryApi, Write } from '../api/memory-api.ts';
import { equal, isObject } from '../api/json.ts';

export class WriteTrace {
  readonly #writes: { readonly atMs: number; readonly write: Write }[] = [];

  constructor(api: MemoryApi) {
    api.onWrite((write) => this.#writes.push({ atMs: api.clock.monotonic(), write }));
  }

  get size(): number {
    return this.#writes.length;
  }

  /** One line per write, oldest first; only the last ones when told how many. */
  lines(o: { readonly last?: number; readonly without?: readonly string[] } = {}): string[] {
    const { last = this.#writes.length, without = [] } = o;
    const told = this.#writes.filter(({ write }) => !without.includes(write.kind.type.plural));
    return told.slice(Math.max(0, told.length - last)).map(({ atMs, write }) => lineOf(atMs, write));
  }
}

function lineOf(atMs: number, { type, kind, object, previous, user }: Write): string {
  const who = user === '' ? 'api' : user;
  const head = `+${(atMs / 1000).toFixed(3)}s ${who} ${type} ${kind.type.plural} ${keyOf(object)}`;
  if (type === 'DELETED') return head;
  const shown = JSON.stringify(changed(previous ?? {}, object));
  return `${head} ${kind.type.plural === 'secrets' ? '(not shown)' : shown}`;
}

/** What is other than before; a member that is gone is null. */
function changed(before: object, after: object): Record<string, unknown> {
  const [old, now] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const difference: Record<string, unknown> = {};
  for (const name of Object.keys(now)) {
    if (name === 'managedFields' || equal(old[name], now[name])) continue;
    const both = isObject(old[name]) && isObject(now[name]);
    difference[name] = both ? changed(old[name] as object, now[name] as object) : now[name];
  }
  for (const name of Object.keys(old)) if (now[name] === undefined) difference[name] = null;
  return difference;
}
