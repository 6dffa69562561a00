// A Namespace as the control plane reads it.
import type { Condition, StoredMeta } from './meta.ts';

export interface Namespace {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: StoredMeta;
  readonly spec?: { readonly finalizers?: readonly string[] };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}
