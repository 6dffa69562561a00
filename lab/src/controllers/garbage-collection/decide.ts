// What garbage collection does with one object, and whom a change concerns. Pure: states of owners and dependents in, one
// verdict out. The rules are those of kube-controller-manager's garbage collector (attemptToDeleteItem, attemptToOrphan).
import type { GraphObject } from './graph.ts';
import { FOREGROUND, isForeground, isOrphaning, ORPHAN } from './graph.ts';

/**
 * What an owner reference points at: an object that stays, one that is going and waits for its dependents first, or nothing.
 * `unknown` means that its kind is not served now: then nothing may be concluded.
 */
export type OwnerState = 'solid' | 'waiting' | 'absent' | 'unknown';

export type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'undecided'; readonly reason: 'owner kind is not served' }
  | { readonly kind: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan' }
  | { readonly kind: 'dropOwners'; readonly uids: readonly string[] }
  | { readonly kind: 'unblockThenDelete' }
  | { readonly kind: 'finishForeground' }
  | { readonly kind: 'awaitDependents'; readonly uids: readonly string[] }
  | { readonly kind: 'orphanDependents'; readonly uids: readonly string[] };

export interface Situation {
  /** The object as the API server has it now. */
  readonly object: GraphObject;
  /** State of each of its owners, by uid. */
  readonly owners: ReadonlyMap<string, OwnerState>;
  readonly dependents: readonly GraphObject[];
}

function blocks(dependent: GraphObject, ownerUid: string): boolean {
  return dependent.owners.some((owner) => owner.uid === ownerUid && owner.blockOwnerDeletion === true);
}

function deletionPolicy(object: GraphObject): 'Background' | 'Foreground' | 'Orphan' {
  if (object.finalizers.includes(ORPHAN)) return 'Orphan';
  return object.finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}

/** The one decision about one object. */
export function decide({ object, owners, dependents }: Situation): Verdict {
  if (isOrphaning(object)) return { kind: 'orphanDependents', uids: dependents.map(({ uid }) => uid) };
  if (isForeground(object)) {
    const blocking = dependents.filter((dependent) => blocks(dependent, object.uid));
    if (blocking.length === 0) return { kind: 'finishForeground' };
    return { kind: 'awaitDependents', uids: blocking.filter(({ deleting }) => !deleting).map(({ uid }) => uid) };
  }
  if (object.deleting || object.owners.length === 0) return { kind: 'keep' };

  const inState = (state: OwnerState) => object.owners.map(({ uid }) => uid).filter((uid) => owners.get(uid) === state);
  if (inState('unknown').length > 0) return { kind: 'undecided', reason: 'owner kind is not served' };
  const [waiting, gone] = [inState('waiting'), inState('absent')];
  if (inState('solid').length > 0) {
    const surplus = [...gone, ...waiting];
    return surplus.length === 0 ? { kind: 'keep' } : { kind: 'dropOwners', uids: surplus };
  }
  if (waiting.length > 0 && dependents.length > 0) {
    return dependents.some(isForeground) ? { kind: 'unblockThenDelete' } : { kind: 'delete', policy: 'Foreground' };
  }
  return { kind: 'delete', policy: deletionPolicy(object) };
}

/**
 * The uids to decide anew after an object appeared, changed or went (`now` undefined). `known` tells whether an object is
 * followed and staying, so that an object with a healthy owner costs nothing.
 */
export function concerned(
  before: GraphObject | undefined,
  now: GraphObject | undefined,
  world: {
    readonly find: (uid: string) => GraphObject | undefined;
    readonly dependentsOf: (uid: string) => readonly GraphObject[];
  },
): readonly string[] {
  const uids = new Set<string>();
  const changed = now ?? before;
  if (!changed) return [];
  const leaving = now === undefined || isForeground(now);
  if (now === undefined || (isForeground(now) && !(before && isForeground(before)))) {
    for (const dependent of world.dependentsOf(changed.uid)) uids.add(dependent.uid);
  }
  if (now && (isOrphaning(now) || isForeground(now))) uids.add(now.uid);
  if (now && !leaving && now.owners.some(({ uid }) => needsCheck(world.find(uid), now))) uids.add(now.uid);
  for (const { uid } of [...(before?.owners ?? []), ...changed.owners]) {
    const owner = world.find(uid);
    if (owner && isForeground(owner)) uids.add(uid);
  }
  return [...uids];
}

function needsCheck(owner: GraphObject | undefined, dependent: GraphObject): boolean {
  return owner === undefined || isForeground(owner) || !mayOwn(owner, dependent);
}

/** Owners are cluster-scoped or in the dependent's own namespace; any other reference counts as pointing nowhere. */
export function mayOwn(owner: Pick<GraphObject, 'namespace'>, dependent: Pick<GraphObject, 'namespace'>): boolean {
  return owner.namespace === undefined || owner.namespace === dependent.namespace;
}
