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
  readonly from: { readonly revision: number; readonly start: string } | undefined;
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

/** The token that continues a list after a key, at the same revision. */
export function encodeContinue(revision: number, lastKey: string): string {
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: `${lastKey}\u0000` };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeContinue(token: string): { revision: number; start: string } {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString()) as { v?: string; rv?: number; start?: string };
    if (value.v === 'meta.k8s.io/v1' && typeof value.rv === 'number' && typeof value.start === 'string') {
      return { revision: value.rv, start: value.start };
    }
  } catch {
    // Falls through to the refusal: a token is opaque, all that can be said of a wrong one is that it is wrong.
  }
  throw badRequest('continue key is not valid: illegal base64 data or unknown format');
}

export function continueExpired(): Error {
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
  );
}
