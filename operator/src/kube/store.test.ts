// What a store makes of what it is told.
import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from './object.ts';
import { Store } from './store.ts';

interface Pod extends KubeObject {
  spec?: { nodeName?: string };
}

const pod = (name: string, version: string, node?: string, uid = `uid-${name}`): Pod => ({
  metadata: { namespace: 'lab', name, uid, resourceVersion: version, managedFields: [{ manager: 'x' }] },
  ...(node === undefined ? {} : { spec: { nodeName: node } }),
});

const byNode = (): Store<Pod> => new Store<Pod>({ node: (p) => (p.spec?.nodeName ? [p.spec.nodeName] : []) });

const said = (changes: readonly { type: string; object: KubeObject }[]): string[] =>
  changes.map(({ type, object }) => `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`);

describe('a store', () => {
  it('strips managedFields and freezes deeply', () => {
    const store = byNode();
    store.set(pod('a', '1', 'pc-1'));
    const stored = store.get('lab/a');
    expect(stored?.metadata).not.toHaveProperty('managedFields');
    expect(Object.isFrozen(stored?.spec)).toBe(true);
    expect(Object.isFrozen(stored?.metadata)).toBe(true);
  });

  it('tells an update with the state before, and says nothing about what it knows already', () => {
    const store = byNode();
    expect(said(store.set(pod('a', '1')))).toEqual(['added a@1']);
    expect(store.set(pod('a', '1'))).toEqual([]);
    const [change] = store.set(pod('a', '2'));
    expect(change?.type).toBe('updated');
    expect(change?.previous?.metadata.resourceVersion).toBe('1');
  });

  it('sees another uid under the same name as deleted and added', () => {
    const store = byNode();
    store.set(pod('a', '1', 'pc-1'));
    expect(said(store.set(pod('a', '5', 'pc-2', 'other')))).toEqual(['deleted a@1', 'added a@5']);
    expect(store.byIndex('node', 'pc-1')).toEqual([]);
    expect(said(store.replace([pod('a', '9', 'pc-2', 'third')]))).toEqual(['deleted a@5', 'added a@9']);
  });

  it('moves an object from one index value to the next and forgets empty ones', () => {
    const store = byNode();
    store.set(pod('a', '1', 'pc-1'));
    store.set(pod('b', '2', 'pc-1'));
    store.set(pod('a', '3', 'pc-2'));
    expect(store.byIndex('node', 'pc-1').map((p) => p.metadata.name)).toEqual(['b']);
    expect(store.byIndex('node', 'pc-2').map((p) => p.metadata.name)).toEqual(['a']);
    store.remove('lab/a');
    expect(store.byIndex('node', 'pc-2')).toEqual([]);
  });

  it('refuses an index that was not declared, and names those that were', () => {
    expect(() => byNode().byIndex('owner', 'x')).toThrow(
      'index: "owner" is not declared on this store (declared: node)',
    );
  });

  it('makes itself equal to a list, telling deletions first', () => {
    const store = byNode();
    store.replace([pod('a', '1'), pod('b', '2')]);
    expect(said(store.replace([pod('b', '2'), pod('c', '3')]))).toEqual(['deleted a@1', 'added c@3']);
    expect(store.keys().sort()).toEqual(['lab/b', 'lab/c']);
    expect(store.size).toBe(2);
  });

  it('reports a deletion with the last state that the server sent, and only once', () => {
    const store = byNode();
    store.set(pod('a', '1'));
    expect(said(store.remove('lab/a', pod('a', '4')))).toEqual(['deleted a@4']);
    expect(store.remove('lab/a')).toEqual([]);
  });

  it('keeps cluster-scoped objects under their bare name', () => {
    const store = new Store<KubeObject>();
    store.set({ metadata: { name: 'pc-1', resourceVersion: '1' } });
    expect(store.keys()).toEqual(['pc-1']);
  });
});
