// Who owns which field: `metadata.managedFields` read into field sets per manager, and written back in Kubernetes' order.
// Pure.

import type { ApiObject, ManagedFieldsEntry } from '../registry/types.ts';
import { fromFieldsV1, toFieldsV1, type FieldSet } from './field-set.ts';

/** A manager is told from others by all of these; its time only says when it last acted. */
export interface ManagerIdentity {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
}

export interface Owned extends ManagerIdentity {
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** Fields that the server itself keeps and nobody owns. */
export const unowned: readonly (readonly string[])[] = [
  ['f:apiVersion'],
  ['f:kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['f:metadata', `f:${name}`]),
];

const mostUpdaters = 10;

export function managersOf(object: ApiObject | undefined): Owned[] {
  return (object?.metadata?.managedFields ?? []).map((entry) => ({
    manager: entry.manager ?? '',
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    subresource: entry.subresource ?? '',
    time: entry.time,
    fields: fromFieldsV1(entry.fieldsV1 ?? {}),
  }));
}

export function sameManager(a: ManagerIdentity, b: ManagerIdentity): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    a.apiVersion === b.apiVersion
  );
}

/** Sorted by operation, time, manager; managers that own nothing are left out, the oldest of too many updaters merged. */
export function toManagedFields(managers: readonly Owned[]): ManagedFieldsEntry[] {
  return capped(managers.filter((m) => m.fields.size > 0))
    .sort(
      (a, b) =>
        order(a.operation, b.operation) ||
        order(a.time ?? '', b.time ?? '') ||
        order(a.manager, b.manager) ||
        order(a.apiVersion, b.apiVersion) ||
        order(a.subresource, b.subresource),
    )
    .map((m) => ({
      manager: m.manager,
      operation: m.operation,
      apiVersion: m.apiVersion,
      ...(m.time === undefined ? {} : { time: m.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: toFieldsV1(m.fields),
      ...(m.subresource === '' ? {} : { subresource: m.subresource }),
    }));
}

function capped(managers: Owned[]): Owned[] {
  const updaters = managers
    .filter((m) => m.operation === 'Update' && m.subresource === '')
    .sort((a, b) => order(a.time ?? '', b.time ?? ''));
  const surplus = updaters.slice(0, Math.max(0, updaters.length - mostUpdaters + 1));
  const first = surplus[0];
  if (first === undefined || surplus.length < 2) return managers;
  const merged: Owned = {
    ...first,
    manager: 'ancient-changes',
    time: surplus.at(-1)?.time,
    fields: new Map(surplus.flatMap((m) => [...m.fields])),
  };
  return [...managers.filter((m) => !surplus.includes(m)), merged];
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
