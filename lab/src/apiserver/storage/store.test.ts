// The store's promises: one order of changes, nothing lost over a restart, and a bounded past.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Store, StaleWrite, type Change } from './store.ts';

const kind = '/configmaps';
let dir: string;
let store: Store;

const open = (history?: number): Store =>
  new Store(join(dir, 'state.sqlite'), history === undefined ? {} : { history });
const object = (name: string, data: Record<string, string> = {}, namespace = 'lab') => ({
  metadata: { name, namespace },
  data,
});
const names = (list: readonly { metadata?: { name?: string } }[] | undefined) => list?.map((o) => o.metadata?.name);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'store-'));
  store = open();
});
afterEach(async () => {
  store.close();
  await rm(dir, { recursive: true });
});

describe('the store', () => {
  it('gives each change the next revision as resourceVersion', () => {
    const first = store.put(kind, object('a'), undefined);
    const second = store.put(kind, { ...first, data: { x: '1' } }, first);
    expect(first.metadata?.resourceVersion).toBe('1');
    expect(second.metadata?.resourceVersion).toBe('2');
    expect(store.revision).toBe(2);
  });

  it('refuses a write that is based on an older state', () => {
    const first = store.put(kind, object('a'), undefined);
    store.put(kind, { ...first, data: { x: '1' } }, first);
    expect(() => store.put(kind, { ...first, data: { x: '2' } }, first)).toThrow(StaleWrite);
    expect(() => store.put(kind, object('a'), undefined)).toThrow(StaleWrite);
    expect(() => store.remove(kind, first)).toThrow(StaleWrite);
  });

  it('lists sorted by namespace and name', () => {
    for (const [name, namespace] of [
      ['b', 'x'],
      ['a', 'y'],
      ['a', 'x'],
    ] as const) {
      store.put(kind, object(name, {}, namespace), undefined);
    }
    expect(store.list(kind).map((o) => `${o.metadata?.namespace}/${o.metadata?.name}`)).toEqual(['x/a', 'x/b', 'y/a']);
    expect(names(store.list(kind, 'x'))).toEqual(['a', 'b']);
  });

  it('has the same objects, revision and past after it was opened again', () => {
    const a = store.put(kind, object('a'), undefined);
    store.put(kind, { ...a, data: { x: '1' } }, a);
    store.remove(kind, store.put(kind, object('b'), undefined));
    store.close();
    store = open();
    expect(names(store.list(kind))).toEqual(['a']);
    expect(store.revision).toBe(4);
    expect(store.changesSince(kind, 0)?.map((c) => c.type)).toEqual(['ADDED', 'MODIFIED', 'ADDED', 'DELETED']);
  });

  it('does not give a revision twice when the newest change was a deletion', () => {
    store.remove(kind, store.put(kind, object('a'), undefined));
    store.close();
    store = open();
    expect(store.put(kind, object('b'), undefined).metadata?.resourceVersion).toBe('3');
  });

  it('shows the list as it was at an earlier revision', () => {
    const a = store.put(kind, object('a'), undefined);
    store.put(kind, object('b'), undefined);
    const changed = store.put(kind, { ...a, data: { x: '1' } }, a);
    store.remove(kind, changed);
    expect(names(store.listAt(kind, '', 1))).toEqual(['a']);
    expect(names(store.listAt(kind, '', 2))).toEqual(['a', 'b']);
    expect(store.listAt(kind, '', 2)?.[0]?.['data']).toEqual({});
    expect(names(store.listAt(kind, '', 4))).toEqual(['b']);
  });

  it('forgets the past beyond its limit, over a restart too', () => {
    store.close();
    store = open(8);
    for (let i = 0; i < 40; i += 1) store.put(kind, object(`o${i}`), undefined);
    expect(store.compacted).toBeGreaterThan(0);
    expect(store.changesSince(kind, store.compacted - 1)).toBeUndefined();
    expect(store.listAt(kind, '', store.compacted - 1)).toBeUndefined();
    expect(store.changesSince(kind, store.compacted)).toHaveLength(40 - store.compacted);
    const before = store.compacted;
    store.close();
    store = open(8);
    expect(store.compacted).toBe(before);
    expect(store.list(kind)).toHaveLength(40);
  });

  it('announces changes that a listener makes after the one it was told of', () => {
    const seen: string[] = [];
    store.subscribe(kind, (change: Change) => {
      if (change.type === 'ADDED') store.put(kind, { ...change.object, data: { done: 'yes' } }, change.object);
    });
    store.subscribe(kind, (change) => void seen.push(`${change.type} ${change.revision}`));
    store.put(kind, object('a'), undefined);
    expect(seen).toEqual(['ADDED 1', 'MODIFIED 2']);
  });

  it('lets no second process at the same file', () => {
    store.put(kind, object('a'), undefined);
    expect(() => open()).toThrow(/locked/);
  });
});

describe('the space that the past takes', () => {
  const text = 'x'.repeat(100_000);

  it('is bounded by its size too, and never less than the newest hundred changes', () => {
    store.close();
    store = new Store(join(dir, 'state.sqlite'), { historySize: 2_000_000 });
    let last = store.put(kind, object('large'), undefined);
    for (let i = 0; i < 200; i += 1) last = store.put(kind, { ...last, data: { i: String(i), text } }, last);
    expect(store.changesSince(kind, store.compacted)?.length).toBe(100);
    expect(store.changesSince(kind, store.compacted - 1)).toBeUndefined();
    let small = store.put(kind, object('small'), undefined);
    for (let i = 0; i < 300; i += 1) small = store.put(kind, { ...small, data: { i: String(i) } }, small);
    expect(store.changesSince(kind, store.compacted)?.length).toBeGreaterThan(300);
  });

  it('is given back when the file is opened again', async () => {
    const file = join(dir, 'state.sqlite');
    let last = store.put(kind, object('large'), undefined);
    for (let i = 0; i < 300; i += 1) last = store.put(kind, { ...last, data: { i: String(i), text } }, last);
    store.close();
    const full = (await stat(file)).size;
    store = new Store(file, { history: 5 });
    let small = store.put(kind, object('small'), undefined);
    for (let i = 0; i < 5; i += 1) small = store.put(kind, { ...small, data: { i: String(i) } }, small);
    store.close();
    store = open(5);
    store.close();
    expect((await stat(file)).size).toBeLessThan(full / 10);
    store = open(5);
    expect(names(store.list(kind))).toEqual(['large', 'small']);
  });
});
