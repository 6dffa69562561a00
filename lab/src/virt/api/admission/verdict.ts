// The answer of an admission webhook, before it becomes an AdmissionReview.
// Pure. Status codes and reasons as KubeVirt gives them: 422 with causes for a bad field, 400 or 429 with a text alone.
import { mergePatch } from '../../model/merge-patch.ts';

export interface Cause {
  readonly reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden';
  readonly message: string;
  readonly field?: string;
}

export type Verdict =
  | { readonly kind: 'allowed'; readonly object?: object; readonly warnings?: readonly string[] }
  | { readonly kind: 'invalid'; readonly causes: readonly Cause[] }
  | { readonly kind: 'denied'; readonly code: 400 | 429; readonly message: string };

export interface AdmissionUser {
  readonly username: string;
  readonly groups?: readonly string[];
}

/** AdmissionRequest of admission.k8s.io/v1, as far as it is read here. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly name?: string;
  readonly namespace?: string;
  readonly userInfo: AdmissionUser;
  readonly object?: unknown;
  readonly oldObject?: unknown;
  readonly dryRun?: boolean;
}

/** Refused when there is any cause. */
export function verdictOf(causes: readonly Cause[], warnings: readonly string[] = []): Verdict {
  if (causes.length > 0) return { kind: 'invalid', causes };
  return warnings.length > 0 ? { kind: 'allowed', warnings } : { kind: 'allowed' };
}

/** AdmissionReview.response. A changed object becomes a JSON patch of its top-level fields. */
export function responseOf(request: AdmissionRequest, verdict: Verdict): Readonly<Record<string, unknown>> {
  const { uid } = request;
  switch (verdict.kind) {
    case 'allowed': {
      const patch = verdict.object ? topLevelPatch(request.object as object, verdict.object) : [];
      return {
        uid,
        allowed: true,
        ...(verdict.warnings ? { warnings: verdict.warnings } : {}),
        ...(patch.length > 0
          ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
          : {}),
      };
    }
    case 'invalid':
      return {
        uid,
        allowed: false,
        status: {
          code: 422,
          reason: 'Invalid',
          message: verdict.causes.map((cause) => cause.message).join(', '),
          details: { causes: verdict.causes },
        },
      };
    case 'denied':
      return { uid, allowed: false, status: { code: verdict.code, message: verdict.message } };
  }
}

function topLevelPatch(before: object, after: object): object[] {
  const changed = mergePatch(before, after) ?? {};
  return Object.keys(changed).map((key) =>
    changed[key] === null
      ? { op: 'remove', path: `/${key}` }
      : { op: 'add', path: `/${key}`, value: (after as Readonly<Record<string, unknown>>)[key] },
  );
}
