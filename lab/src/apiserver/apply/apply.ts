// Server-side apply and the ownership that every other write takes. Pure: live object and change in, new object with its
// managedFields out; conflicts are thrown as the 409 that Kubernetes answers. The caller stores nothing if only times differ.

import { failure, type ApiFailure } from '../errors/status.ts';
import type { ApiObject } from '../registry/types.ts';
import {
  describePath,
  difference,
  intersection,
  union,
  withoutBelow,
  type FieldPath,
  type FieldSet,
} from './field-set.ts';
import { compare, fieldsOf } from './fields-of.ts';
import { managersOf, sameManager, toManagedFields, unowned, type ManagerIdentity, type Owned } from './managers.ts';
import { mergeApplied, removeFields } from './merge-values.ts';
import type { Shape } from './shape.ts';

export interface Actor {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly time: string;
  /** Paths that this write cannot change (the status in a write of the main resource, and the reverse). */
  readonly reset: readonly FieldPath[];
}

/**
 * The managedFields after an update, a create (live undefined) or a patch other than apply: the actor owns what it
 * changed, the others lose it, and everybody loses what is gone.
 */
export function ownershipAfterUpdate(
  shape: Shape,
  live: ApiObject | undefined,
  next: ApiObject,
  actor: Actor,
): ApiObject {
  const given = next.metadata?.managedFields;
  const wiped = Array.isArray(given) && (given.length === 0 || (given.length === 1 && isBlank(given[0])));
  const before = wiped ? [] : managersOf(given === undefined || given.length === 0 ? live : next);
  if (wiped && live !== undefined) return withManagers(next, []);

  const changes = compare(shape, live ?? {}, next);
  const changed = withoutBelow(union(changes.added, changes.modified), [...unowned, ...actor.reset]);
  const self: ManagerIdentity = { ...actor, operation: 'Update' };
  const mine = before.find((m) => sameManager(m, self));
  const others = before
    .filter((m) => m !== mine)
    .map((m) => ({ ...m, fields: difference(difference(m.fields, changed), changes.removed) }));
  const fields = difference(union(mine?.fields ?? new Map(), changed), changes.removed);
  const owner: Owned = { ...self, time: actor.time, fields };
  return withManagers(next, [...others, owner]);
}

/** Throws the 409 unless forced. The result has defaults and everything else of the live object that nobody took away. */
export function applyConfiguration(
  shape: Shape,
  live: ApiObject | undefined,
  config: ApiObject,
  actor: Actor,
  options: { force: boolean },
): ApiObject {
  const self: ManagerIdentity = { ...actor, operation: 'Apply' };
  const before = managersOf(live);
  const mine = before.find((m) => sameManager(m, self));
  const others = before.filter((m) => m !== mine);
  const applied = withoutBelow(fieldsOf(shape, config), [...unowned, ...actor.reset]);

  const merged = mergeApplied(shape, live ?? {}, config);
  const dropped = difference(mine?.fields ?? new Map(), applied);
  const kept = union(applied, ...others.map((m) => m.fields));
  const next = removeFields(shape, merged, difference(dropped, kept), kept) as ApiObject;

  const changes = compare(shape, live ?? {}, next);
  const changed = union(changes.modified, changes.added);
  const conflicts = others
    .map((m) => ({ owner: m, fields: intersection(m.fields, intersection(changed, applied)) }))
    .filter(({ fields }) => fields.size > 0);
  if (conflicts.length > 0 && !options.force) throw conflictFailure(conflicts);
  const remaining = others.map((m) => {
    const lost = conflicts.find((c) => c.owner === m)?.fields ?? (new Map() as FieldSet);
    return { ...m, fields: difference(difference(m.fields, lost), changes.removed) };
  });
  return withManagers(next, [...remaining, { ...self, time: actor.time, fields: applied }]);
}

function withManagers(object: ApiObject, managers: readonly Owned[]): ApiObject {
  const metadata = { ...object.metadata };
  const entries = toManagedFields(managers);
  if (entries.length === 0) delete metadata.managedFields;
  else metadata.managedFields = entries;
  return { ...object, metadata };
}

function conflictFailure(conflicts: readonly { owner: Owned; fields: FieldSet }[]): ApiFailure {
  const causes = conflicts.flatMap(({ owner, fields }) =>
    [...fields.values()].sort(leavesFirst).map((path) => ({ owner: describeOwner(owner), field: describePath(path) })),
  );
  const owners = [...new Set(causes.map((c) => c.owner))].sort();
  const byOwner = owners.map((owner) => {
    const fields = causes.filter((c) => c.owner === owner).map((c) => c.field);
    if (causes.length === 1) return `conflict with ${owner}: ${fields[0]}`;
    return `conflicts with ${owner}:\n${fields.map((field) => `- ${field}`).join('\n')}`;
  });
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return failure(409, 'Conflict', `Apply failed with ${count}: ${byOwner.join('\n')}`, {
    causes: causes.map(({ owner, field }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${owner}`,
      field,
    })),
  });
}

function describeOwner(owner: Owned): string {
  const part = owner.subresource === '' ? '' : ` with subresource "${owner.subresource}"`;
  const name = `"${owner.manager}"${part}`;
  if (owner.operation === 'Apply') return name;
  return `${name} using ${owner.apiVersion}${owner.time === undefined ? '' : ` at ${owner.time}`}`;
}

/** The order in which conflicts are named: at each level the fields that end there, then those that go on. */
function leavesFirst(a: FieldPath, b: FieldPath): number {
  for (let i = 0; i < a.length && i < b.length; i += 1) {
    const ends = Number(b.length === i + 1) - Number(a.length === i + 1);
    if (ends !== 0) return ends;
    if (a[i] !== b[i]) return (a[i] as string) < (b[i] as string) ? -1 : 1;
  }
  return a.length - b.length;
}

function isBlank(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && Object.keys(entry).length === 0;
}
