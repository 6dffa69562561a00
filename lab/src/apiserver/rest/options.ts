// The options that a write carries in its query (or, for a delete, in its body): read, and refused when they are not
// among what Kubernetes allows.

import { isObject } from '../patch/json-value.ts';
import { badRequest, invalid } from '../errors/status.ts';
import type { FieldError } from '../registry/types.ts';

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  readonly force: boolean;
}

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/** @param options.apply whether the write is a server-side apply, which must name its manager */
export function writeOptions(
  query: URLSearchParams,
  kind: OptionsKind,
  userAgent: string | undefined,
  options: { apply?: boolean } = {},
): WriteOptions {
  const errors: FieldError[] = [];
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const force = query.get('force');
  if (options.apply && manager === '') {
    errors.push({
      field: 'fieldManager',
      reason: 'FieldValueRequired',
      message: 'Required value: is required for apply patch',
    });
  }
  if (manager.length > 128) {
    errors.push({
      field: 'fieldManager',
      reason: 'FieldValueTooLong',
      message: 'Too long: may not be more than 128 bytes',
    });
  }
  if (force !== null && !options.apply) {
    errors.push({
      field: 'force',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not be specified for non-apply patch',
    });
  }
  if (!['', 'Strict', 'Warn', 'Ignore'].includes(validation)) {
    errors.push({
      field: 'fieldValidation',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(validation)}: supported values: "", "Ignore", "Strict", "Warn"`,
    });
  }
  errors.push(...dryRunErrors(query.getAll('dryRun')));
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
  return {
    dryRun: query.has('dryRun'),
    fieldManager: manager !== '' ? manager : managerOf(userAgent),
    fieldValidation: validation === '' ? 'Warn' : (validation as 'Strict' | 'Warn' | 'Ignore'),
    force: force === 'true' || force === '1',
  };
}

/** Options in the body win over those in the query. */
export function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  if (body !== undefined && !isObject(body)) throw badRequest('the body of a delete must be a DeleteOptions object');
  const given = body ?? {};
  const preconditions = isObject(given['preconditions']) ? given['preconditions'] : {};
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'].map(String) : query.getAll('dryRun');
  const grace = given['gracePeriodSeconds'] ?? query.get('gracePeriodSeconds') ?? undefined;
  const orphan = given['orphanDependents'] ?? query.get('orphanDependents') ?? undefined;
  const policy = given['propagationPolicy'] ?? query.get('propagationPolicy') ?? undefined;

  const errors = dryRunErrors(dryRun);
  if (policy !== undefined && !['Background', 'Foreground', 'Orphan'].includes(String(policy))) {
    errors.push({
      field: 'propagationPolicy',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
    });
  }
  if (policy !== undefined && orphan !== undefined) {
    errors.push({
      field: 'propagationPolicy',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
    });
  }
  const seconds = grace === undefined ? undefined : Number(grace);
  if (seconds !== undefined && !Number.isInteger(seconds))
    throw badRequest(`gracePeriodSeconds: ${String(grace)} is not an integer`);
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  return {
    dryRun: dryRun.length > 0,
    // A negative grace means one second, as in Kubernetes.
    gracePeriodSeconds: seconds !== undefined && seconds < 0 ? 1 : seconds,
    propagationPolicy:
      policy !== undefined
        ? (String(policy) as 'Background' | 'Foreground' | 'Orphan')
        : orphan === true || orphan === 'true'
          ? 'Orphan'
          : undefined,
    uid: textOf(preconditions['uid']),
    resourceVersion: textOf(preconditions['resourceVersion']),
  };
}

function dryRunErrors(values: readonly string[]): FieldError[] {
  if (values.every((value) => value === 'All')) return [];
  return [
    {
      field: 'dryRun',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`,
    },
  ];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The manager of a write that names none: the program's name in its User-Agent. */
function managerOf(userAgent: string | undefined): string {
  return (userAgent ?? '').split('/')[0]?.slice(0, 128) || 'unknown';
}
