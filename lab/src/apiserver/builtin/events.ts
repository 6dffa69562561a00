// Events of both groups: one set of rows, read and written as v1 or as events.k8s.io/v1. Rows are kept in the v1 form.
import type { ApiObject, Column, FieldError, ServedResource } from '../registry/types.ts';
import { invalid, required } from '../schema/errors.ts';
import { asRecord, asString, member } from '../schema/json.ts';
import { defineKind, textAt } from './kind.ts';

function renamed(object: ApiObject, names: ReadonlyMap<string, string>): ApiObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names.get(name) ?? name, value]));
}

const toNew = new Map([
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
]);
const toOld = new Map([...toNew].map(([old, name]) => [name, old]));

function objectText(reference: unknown): string {
  return `${asString(member(reference, 'kind')).toLowerCase()}/${asString(member(reference, 'name'))}`;
}

function lastSeen(event: ApiObject): string {
  const times = [
    member(event, 'series', 'lastObservedTime'),
    event['lastTimestamp'],
    event['deprecatedLastTimestamp'],
    event['eventTime'],
  ];
  return times.map(asString).find((time) => time !== '') ?? asString(event.metadata?.creationTimestamp);
}

function countOf(event: ApiObject): number {
  return Number(member(event, 'series', 'count') ?? event['count'] ?? event['deprecatedCount'] ?? 1);
}

/** Last seen is an age; the table writer turns a date into one. */
const columns: readonly Column[] = [
  { name: 'Last Seen', type: 'date', value: lastSeen },
  { name: 'Type', type: 'string', jsonPath: '.type' },
  { name: 'Reason', type: 'string', jsonPath: '.reason' },
  { name: 'Object', type: 'string', value: (event) => objectText(event['involvedObject'] ?? event['regarding']) },
  {
    name: 'Subobject',
    type: 'string',
    priority: 1,
    value: (event) => asString(member(event['involvedObject'] ?? event['regarding'], 'fieldPath')),
  },
  {
    name: 'Source',
    type: 'string',
    priority: 1,
    value: (event) =>
      asString(event['reportingComponent'] ?? event['reportingController']) ||
      asString(member(event['source'] ?? event['deprecatedSource'], 'component')),
  },
  { name: 'Message', type: 'string', value: (event) => asString(event['message'] ?? event['note']).trim() },
  {
    name: 'First Seen',
    type: 'date',
    priority: 1,
    value: (event) => asString(event['firstTimestamp'] ?? event['deprecatedFirstTimestamp']) || lastSeen(event),
  },
  { name: 'Count', type: 'string', priority: 1, value: countOf },
  // Last and wide only: what happened matters to a reader, not how the event is called.
  { name: 'Name', type: 'string', format: 'name', priority: 1, value: (event) => event.metadata?.name ?? '' },
];

const reference = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

function fields(object: string): Readonly<Record<string, (event: ApiObject) => string>> {
  const ofObject = reference.map((name) => [`${object}.${name}`, textAt(`${object}.${name}`)] as const);
  const component = (event: ApiObject) => asString(event['reportingComponent'] ?? event['reportingController']);
  return {
    ...Object.fromEntries(ofObject),
    reason: textAt('reason'),
    type: textAt('type'),
    reportingComponent: component,
    source: (event) => asString(member(event, 'source', 'component')) || component(event),
  };
}

function namespaceFault(event: ApiObject, field: 'involvedObject' | 'regarding'): FieldError[] {
  const namespace = asString(member(event, field, 'namespace'));
  const own = event.metadata?.namespace ?? '';
  const fits = namespace === '' ? own === 'default' || own === '' : namespace === own;
  return fits ? [] : [invalid('involvedObject.namespace', namespace, 'does not match event.namespace')];
}

export const coreEvents: ServedResource = defineKind({
  group: '',
  plural: 'events',
  kind: 'Event',
  definition: 'io.k8s.api.core.v1.Event',
  namespaced: true,
  shortNames: ['ev'],
  storageKey: 'events',
  columns,
  fields: fields('involvedObject'),
  validate: (event) => namespaceFault(event, 'involvedObject'),
});

export const events: ServedResource = defineKind({
  group: 'events.k8s.io',
  plural: 'events',
  kind: 'Event',
  definition: 'io.k8s.api.events.v1.Event',
  namespaced: true,
  shortNames: ['ev'],
  storageKey: 'events',
  columns,
  fields: fields('regarding'),
  fromStorage: (object) => ({ ...renamed(object, toNew), apiVersion: 'events.k8s.io/v1' }),
  toStorage: (object) => ({
    ...renamed(object, toOld),
    apiVersion: 'v1',
    involvedObject: asRecord(object['regarding']),
  }),
  validate(event, old) {
    const errors = namespaceFault(event, 'regarding');
    if (old) return errors;
    const timed = asString(event['eventTime']) !== '';
    if (!timed) errors.push(required('eventTime'));
    for (const field of ['reportingController', 'reportingInstance', 'action', 'reason'] as const) {
      if (timed && asString(event[field]) === '') errors.push(required(field));
    }
    if (asString(event['type']) === '') errors.push(invalid('type', '', 'has invalid value: '));
    return errors;
  },
});
