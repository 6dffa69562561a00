// Garbage collection: what happens to an object, and whom a change concerns.
import { describe, expect, it } from '@jest/globals';
import type { ServedType } from '../discovery.ts';
import { concerned, decide, type OwnerState, type Verdict } from './decide.ts';
import { FOREGROUND, ORPHAN, OwnershipGraph, type GraphObject } from './graph.ts';

const widgets: ServedType = {
  group: 'example.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
  verbs: [],
};

function object(uid: string, parts: Partial<GraphObject> = {}): GraphObject {
  return { type: widgets, namespace: 'lab', name: uid, uid, owners: [], finalizers: [], deleting: false, ...parts };
}

function ownedBy(...uids: string[]): Pick<GraphObject, 'owners'> {
  return {
    owners: uids.map((uid) => ({
      apiVersion: 'example.dev/v1',
      kind: 'Widget',
      name: uid,
      uid,
      blockOwnerDeletion: true,
    })),
  };
}

const foreground = { deleting: true, finalizers: [FOREGROUND] };

describe('what garbage collection does with an object', () => {
  it.each<[string, GraphObject, Record<string, OwnerState>, GraphObject[], Verdict]>([
    ['an object without owners stays', object('x'), {}, [], { kind: 'keep' }],
    ['an object with a living owner stays', object('x', ownedBy('o')), { o: 'solid' }, [], { kind: 'keep' }],
    [
      'an object whose only owner is gone goes',
      object('x', ownedBy('o')),
      { o: 'absent' },
      [],
      { kind: 'delete', policy: 'Background' },
    ],
    [
      'an object that is going already is left alone',
      object('x', { ...ownedBy('o'), deleting: true }),
      { o: 'absent' },
      [],
      { kind: 'keep' },
    ],
    [
      'nothing is concluded while the kind of one owner is not served',
      object('x', ownedBy('o', 'p')),
      { o: 'absent', p: 'unknown' },
      [],
      { kind: 'undecided', reason: 'owner kind is not served' },
    ],
    [
      'the last living owner keeps it, and references to the dead go',
      object('x', ownedBy('o', 'p')),
      { o: 'solid', p: 'absent' },
      [],
      { kind: 'dropOwners', uids: ['p'] },
    ],
    [
      'an owner that waits for its dependents does not keep it',
      object('x', ownedBy('o')),
      { o: 'waiting' },
      [],
      { kind: 'delete', policy: 'Background' },
    ],
    [
      'under a waiting owner its own dependents go first',
      object('x', ownedBy('o')),
      { o: 'waiting' },
      [object('y', ownedBy('x'))],
      { kind: 'delete', policy: 'Foreground' },
    ],
    [
      'a circle of waiting owners is broken',
      object('x', ownedBy('o')),
      { o: 'waiting' },
      [object('y', { ...ownedBy('x'), ...foreground })],
      { kind: 'unblockThenDelete' },
    ],
    [
      'a foreground finalizer on it is honoured',
      object('x', { ...ownedBy('o'), finalizers: [FOREGROUND] }),
      { o: 'absent' },
      [],
      { kind: 'delete', policy: 'Foreground' },
    ],
    [
      'an orphan finalizer on it is honoured',
      object('x', { ...ownedBy('o'), finalizers: [ORPHAN] }),
      { o: 'absent' },
      [],
      { kind: 'delete', policy: 'Orphan' },
    ],
    [
      'a waiting owner without blocking dependents is let go',
      object('x', foreground),
      {},
      [],
      { kind: 'finishForeground' },
    ],
    [
      'a dependent that does not block is not waited for',
      object('x', foreground),
      {},
      [object('y', { owners: [{ apiVersion: 'v1', kind: 'A', name: 'x', uid: 'x' }] })],
      { kind: 'finishForeground' },
    ],
    [
      'a waiting owner has its blocking dependents decided, but not those that are going',
      object('x', foreground),
      {},
      [object('y', ownedBy('x')), object('z', { ...ownedBy('x'), deleting: true })],
      { kind: 'awaitDependents', uids: ['y'] },
    ],
    [
      'an owner deleted with Orphan sets its dependents free',
      object('x', { deleting: true, finalizers: [ORPHAN] }),
      {},
      [object('y', ownedBy('x'))],
      { kind: 'orphanDependents', uids: ['y'] },
    ],
  ])('%s', (_name, subject, owners, dependents, verdict) => {
    expect(decide({ object: subject, owners: new Map(Object.entries(owners)), dependents })).toEqual(verdict);
  });
});

describe('whom a change concerns', () => {
  function after(before: GraphObject | undefined, now: GraphObject | undefined, ...others: GraphObject[]) {
    const graph = new OwnershipGraph();
    for (const known of now ? [...others, now] : others) graph.put(known);
    return concerned(before, now, { find: (uid) => graph.get(uid), dependentsOf: (uid) => graph.dependentsOf(uid) });
  }
  it.each<[string, readonly string[], readonly string[]]>([
    ['a new object with a known owner is left alone', after(undefined, object('x', ownedBy('o')), object('o')), []],
    ['a new object with an unknown owner is checked', after(undefined, object('x', ownedBy('o'))), ['x']],
    [
      'an owner in another namespace is checked',
      after(undefined, object('x', ownedBy('o')), object('o', { namespace: 'else' })),
      ['x'],
    ],
    [
      'dependents are checked when their owner is gone',
      after(object('o'), undefined, object('x', ownedBy('o'))),
      ['x'],
    ],
    [
      'a plain deletion of the owner waits until it is gone',
      after(object('o'), object('o', { deleting: true }), object('x', ownedBy('o'))),
      [],
    ],
    [
      'a foreground deletion concerns the owner and its dependents',
      [...after(object('o'), object('o', foreground), object('x', ownedBy('o')))].sort(),
      ['o', 'x'],
    ],
    [
      'a waiting owner is told when a dependent is gone',
      after(object('x', ownedBy('o')), undefined, object('o', foreground)),
      ['o'],
    ],
    [
      'a waiting owner is told when a dependent leaves it',
      after(object('x', ownedBy('o')), object('x'), object('o', foreground)),
      ['o'],
    ],
    ['an orphaning owner is decided', after(object('o'), object('o', { deleting: true, finalizers: [ORPHAN] })), ['o']],
  ])('%s', (_name, uids, expected) => {
    expect(uids).toEqual(expected);
  });
});

describe('the ownership graph', () => {
  it('follows an object to its new owner and forgets the old one', () => {
    const graph = new OwnershipGraph();
    graph.put(object('x', ownedBy('a')));
    expect(graph.put(object('x', ownedBy('b')))?.owners[0]?.uid).toBe('a');
    expect(graph.dependentsOf('a')).toEqual([]);
    expect(graph.dependentsOf('b').map(({ uid }) => uid)).toEqual(['x']);
    graph.remove('x');
    expect(graph.dependentsOf('b')).toEqual([]);
    expect(graph.size).toBe(0);
  });
});
