// Which of several CustomResourceDefinitions owns a name inside its group, and the status that says so. The first CRD
// to claim a plural, singular, short name or kind keeps it; later ones get NamesAccepted=False and are not served.
import type { ApiObject } from '../registry/types.ts';
import { asArray, asRecord, asString, member, stringsOf } from '../schema/json.ts';

export interface Names {
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly kind: string;
  readonly listKind: string;
  readonly categories: readonly string[];
}

/** Names as the spec gives them, or as `status.acceptedNames` does. */
export function namesOf(value: unknown): Names {
  const names = asRecord(value);
  return {
    plural: asString(names['plural']),
    singular: asString(names['singular']),
    shortNames: stringsOf(names['shortNames']),
    kind: asString(names['kind']),
    listKind: asString(names['listKind']),
    categories: stringsOf(names['categories']),
  };
}

/** The first conflict with an established CRD of the same group, as [reason, message]. */
function nameConflict(crd: ApiObject, others: readonly ApiObject[]): readonly [string, string] | undefined {
  const group = member(crd, 'spec', 'group');
  const taken = others
    .filter((other) => other.metadata?.name !== crd.metadata?.name && member(other, 'spec', 'group') === group)
    .filter((other) => conditionStatus(other, 'NamesAccepted') === 'True')
    .map((other) => namesOf(member(other, 'spec', 'names')));
  const resources = new Set(taken.flatMap((names) => [names.plural, names.singular, ...names.shortNames]));
  const kinds = new Set(taken.flatMap((names) => [names.kind, names.listKind]));
  const wanted = namesOf(member(crd, 'spec', 'names'));
  if (resources.has(wanted.plural)) return ['PluralConflict', `"${wanted.plural}" is already in use`];
  if (resources.has(wanted.singular)) return ['SingularConflict', `"${wanted.singular}" is already in use`];
  const short = wanted.shortNames.find((name) => resources.has(name));
  if (short !== undefined) return ['ShortNamesConflict', `"${short}" is already in use`];
  if (kinds.has(wanted.kind)) return ['KindConflict', `"${wanted.kind}" is already in use`];
  if (kinds.has(wanted.listKind)) return ['ListKindConflict', `"${wanted.listKind}" is already in use`];
  return undefined;
}

export function conditionStatus(object: ApiObject, type: string): string {
  const found = asArray(member(object, 'status', 'conditions')).find((condition) => member(condition, 'type') === type);
  return asString(member(found, 'status'));
}

/** The status of a CRD after its names were weighed: accepted names, both conditions, stored versions. */
export function weighNames(crd: ApiObject, others: readonly ApiObject[], nowMs: number): Record<string, unknown> {
  const before = asRecord(crd['status']);
  const conflict = nameConflict(crd, others);
  const established = conditionStatus(crd, 'Established') === 'True' || !conflict;
  const names = namesOf(member(crd, 'spec', 'names'));
  const accepted = conflict ? before['acceptedNames'] : withoutEmpty(names);
  const conditions = [
    conflict
      ? { type: 'NamesAccepted', status: 'False', reason: conflict[0], message: conflict[1] }
      : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
    established
      ? {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
  ];
  const stored = stringsOf(before['storedVersions']);
  const storage = asString(
    asArray(member(crd, 'spec', 'versions'))
      .map(asRecord)
      .find((version) => version['storage'] === true)?.['name'],
  );
  return {
    conditions: mergeConditions(asArray(before['conditions']), conditions, nowMs),
    acceptedNames: accepted ?? { plural: '', kind: '' },
    storedVersions: stored.includes(storage) ? stored : [...stored, storage],
  };
}

function withoutEmpty(names: Names): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(names).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== '')),
  );
}

function mergeConditions(
  before: readonly unknown[],
  now: readonly Record<string, unknown>[],
  nowMs: number,
): unknown[] {
  const stamp = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const written = now.map((condition) => {
    const old = before.map(asRecord).find((entry) => entry['type'] === condition['type']);
    const { type, status, reason, message } = condition;
    const lastTransitionTime = old && old['status'] === status ? old['lastTransitionTime'] : stamp;
    return { type, status, lastTransitionTime, reason, message };
  });
  const types = new Set(now.map((condition) => condition['type']));
  return [...written, ...before.filter((condition) => !types.has(asRecord(condition)['type']))];
}
