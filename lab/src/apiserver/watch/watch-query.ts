// What a watch asks for, beyond what a list does: from where, with bookmarks or not, for how long.

import { invalid, plainError } from '../errors/status.ts';
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { integer, versionComplaint } from '../rest/list-query.ts';
import { parseFieldSelector } from '../rest/field-selector.ts';
import { parseLabelSelector } from '../rest/label-selector.ts';

export interface WatchQuery {
  readonly matches: (object: ApiObject) => boolean;
  /** Changes after this revision are sent; undefined: those after the initial state. */
  readonly since: number | undefined;
  readonly initialState: boolean;
  /** A bookmark says where the initial state ends. */
  readonly initialBookmark: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

const leastTimeoutMs = 30 * 60 * 1000;

/** @param random spreads the time limit of watches that name none over 30 to 60 minutes */
export function watchQuery(query: URLSearchParams, resource: ServedResource, random: () => number): WatchQuery {
  const byLabel = parseLabelSelector(query.get('labelSelector') ?? '');
  const byField = parseFieldSelector(query.get('fieldSelector') ?? '', resource);
  const version = query.get('resourceVersion') ?? '';
  if (version !== '' && !/^[0-9]+$/.test(version)) throw plainError(versionComplaint(version));
  const sendInitial = flag(query, 'sendInitialEvents');
  checkInitialEvents(query, sendInitial);
  const fromState = version === '' || version === '0';
  const seconds = integer(query.get('timeoutSeconds'));
  const initialState = sendInitial ?? fromState;
  return {
    matches: (object) => byLabel(object.metadata?.labels) && byField(object),
    since: fromState || initialState ? undefined : Number(version),
    initialState,
    initialBookmark: sendInitial === true,
    bookmarks: flag(query, 'allowWatchBookmarks') ?? false,
    timeoutMs: seconds > 0 ? seconds * 1000 : leastTimeoutMs * (1 + random()),
  };
}

function flag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  return value === null ? undefined : value !== 'false' && value !== '0';
}

function checkInitialEvents(query: URLSearchParams, sendInitial: boolean | undefined): void {
  const match = query.get('resourceVersionMatch');
  const errors: FieldError[] = [];
  if (sendInitial !== undefined && match === null) {
    errors.push({
      field: 'resourceVersionMatch',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    });
  } else if (sendInitial === undefined && match !== null) {
    errors.push({
      field: 'resourceVersionMatch',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    });
  } else if (match !== null && match !== 'NotOlderThan') {
    errors.push({
      field: 'resourceVersionMatch',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(match)}: supported values: "NotOlderThan"`,
    });
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
}
