// What a list or watch asks for: selectors, paging and resourceVersion, read from the query and refused with
// Kubernetes' texts when they do not fit together.

import { badRequest, expired, invalid } from '../errors/status.ts';
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';

export interface ListQuery {
  readonly matches: (object: ApiObject) => boolean;
  /** Whether `matches` can refuse anything. */
  readonly selective: boolean;
  /** 0: no limit. */
  readonly limit: number;
  /** Where the page begins; without a revision at the newest state, which a client chooses when its own is forgotten. */
  readonly from: { readonly revision: number | undefined; readonly start: string } | undefined;
  /** The asked resourceVersion; undefined: the newest. */
  readonly revision: number | undefined;
  readonly match: 'Exact' | 'NotOlderThan' | undefined;
}

export function listQuery(query: URLSearchParams, resource: ServedResource): ListQuery {
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  const byLabel = parseLabelSelector(labels);
  const byField = parseFieldSelector(fields, resource);
  const token = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  checkMatch(match, version, token);
  if (token !== '' && version !== '' && version !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  return {
    matches: (object) => byLabel(object.metadata?.labels) && byField(object),
    selective: labels !== '' || fields !== '',
    limit: integer(query.get('limit')),
    from: token === '' ? undefined : decodeContinue(token),
    revision: version === '' ? undefined : revisionOf(version),
    match: match === '' ? undefined : (match as 'Exact' | 'NotOlderThan'),
  };
}

function checkMatch(match: string, version: string, token: string): void {
  if (match === '') return;
  const errors: FieldError[] = [];
  const forbid = (message: string): void => {
    errors.push({ field: 'resourceVersionMatch', reason: 'FieldValueForbidden', message: `Forbidden: ${message}` });
  };
  if (token !== '') forbid('resourceVersionMatch is forbidden when continue is provided');
  else if (version === '') forbid('resourceVersionMatch is forbidden unless resourceVersion is provided');
  else if (match === 'Exact' && version === '0') {
    forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    const message = `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`;
    errors.push({ field: 'resourceVersionMatch', reason: 'FieldValueNotSupported', message });
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
}

function revisionOf(text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version: ${versionComplaint(text)}`);
}

export function versionComplaint(text: string): string {
  const quoted = JSON.stringify(text);
  return `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`;
}

export function integer(text: string | null): number {
  if (text === null || text === '') return 0;
  if (/^-?[0-9]+$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** Stands in a token for the newest revision. */
const newest = -1;

/** The token that continues a list after a key, at the same revision. */
export function encodeContinue(revision: number, lastKey: string): string {
  return tokenOf(revision, `${lastKey}\u0000`);
}

function tokenOf(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

function decodeContinue(token: string): ListQuery['from'] {
  const { v, rv, start } = readToken(token);
  if (v !== 'meta.k8s.io/v1' || typeof start !== 'string') throw invalidToken('unrecognized version or no start key');
  if (typeof rv !== 'number' || rv === 0) throw invalidToken('incorrect encoded start resourceVersion');
  return { revision: rv === newest ? undefined : rv, start };
}

function readToken(token: string): { readonly v?: unknown; readonly rv?: unknown; readonly start?: unknown } {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as object;
  } catch {
    throw invalidToken('illegal base64 data or no JSON');
  }
}

function invalidToken(why: string): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

/** 410 with a token that goes on at the same place in the newest state. */
export function continueExpired(start: string): Error {
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    { continue: tokenOf(newest, start) },
  );
}
