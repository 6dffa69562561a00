// What the server itself does with metadata: on creation, on updates, on deletion.
// Facts: k8s.io/apiserver pkg/registry/rest (create.go, update.go, delete.go).

import { serverFields } from '@idlewild/lab/apiserver/rest/server-fields.ts';
import type { ObjectMeta } from '@idlewild/operator/kube/object.ts';
import { equal } from './json.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

/** RFC 3339 with whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

export function createdMetadata(
  given: Readonly<Partial<ObjectMeta>>,
  set: { readonly name: string; readonly namespace: string; readonly uid: string; readonly now: string },
): ObjectMeta {
  const { labels, annotations, finalizers, ownerReferences, generateName } = given;
  return withoutEmpty({
    name: set.name,
    ...(set.namespace === '' ? {} : { namespace: set.namespace }),
    ...{ uid: set.uid, creationTimestamp: set.now },
    ...{ labels, annotations, finalizers, ownerReferences, generateName },
  });
}

/** The server's own fields stay; `live` itself when nothing of the rest changes. */
export function updatedMetadata(given: Readonly<Partial<ObjectMeta>>, live: ObjectMeta): ObjectMeta {
  if (given === live) return live;
  const next: Record<string, unknown> = { ...given };
  for (const field of serverFields) next[field] = live[field];
  const kept = withoutEmpty(next);
  return equal(kept, live) ? live : kept;
}

/** Empty maps and lists are the same as absent ones. */
function withoutEmpty(metadata: object): ObjectMeta {
  const kept = Object.entries(metadata as Record<string, unknown>).filter(([field, value]) => {
    if (value === null || value === undefined || value === '' || field === 'managedFields') return false;
    return typeof value !== 'object' || Object.keys(value).length > 0;
  });
  return Object.freeze(Object.fromEntries(kept)) as unknown as ObjectMeta;
}

export function isHeld({ finalizers = [], deletionTimestamp, deletionGracePeriodSeconds = 0 }: ObjectMeta): boolean {
  return deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0;
}

export function markedMetadata(live: ObjectMeta, o: { nowMs: number; graceSeconds: number; counts: boolean }) {
  return {
    ...live,
    deletionTimestamp: timestamp(o.nowMs + o.graceSeconds * 1000),
    deletionGracePeriodSeconds: o.graceSeconds,
    ...(o.counts ? { generation: (live.generation ?? 0) + 1 } : {}),
  };
}

export type Propagation = 'Background' | 'Foreground' | 'Orphan' | undefined;

/** What holds the object after a deletion with this propagation. */
export function finalizersAfter({ finalizers = [] }: ObjectMeta, propagation: Propagation): string[] {
  const own = finalizers.filter((each) => each !== orphan && each !== foreground);
  switch (propagation) {
    case undefined:
      return [...own, ...finalizers.filter((each) => each === orphan || each === foreground)];
    case 'Background':
      return own;
    case 'Foreground':
      return [...own, foreground];
    case 'Orphan':
      return [...own, orphan];
  }
}
