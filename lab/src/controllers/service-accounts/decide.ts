// What every living namespace gets: the ServiceAccount `default` and the ConfigMap with the cluster's CA. Pure.
import type { Namespace } from '../../model/namespace.ts';

export const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';
export const DEFAULT_SERVICE_ACCOUNT = 'default';

const ROOT_CA_KEY = 'ca.crt';

export interface ConfigMap {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Namespace['metadata'];
  readonly data?: Readonly<Record<string, string>>;
}

export type Need =
  | { readonly kind: 'createServiceAccount' }
  | { readonly kind: 'createRootCa'; readonly data: Readonly<Record<string, string>> }
  | { readonly kind: 'updateRootCa'; readonly data: Readonly<Record<string, string>> };

/** What has to be written for this namespace; nothing for one that is going. */
export function needsOf(
  namespace: Namespace,
  present: { readonly hasServiceAccount: boolean; readonly rootCa: ConfigMap | undefined },
  caPem: string,
): readonly Need[] {
  if (namespace.metadata.deletionTimestamp !== undefined) return [];
  const data = { [ROOT_CA_KEY]: caPem };
  const needs: Need[] = [];
  if (!present.hasServiceAccount) needs.push({ kind: 'createServiceAccount' });
  if (!present.rootCa) needs.push({ kind: 'createRootCa', data });
  else if (present.rootCa.data?.[ROOT_CA_KEY] !== caPem) needs.push({ kind: 'updateRootCa', data });
  return needs;
}
