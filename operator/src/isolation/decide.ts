// What has to be done so that the guests of a namespace are isolated.
// Promises: pure and level-based: it compares what is there with what has to be, whoever changed it. What others wrote on the
// policy beside its own label and spec is theirs.

import type { Namespace, NetworkPolicy } from '../api/kubernetes.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { isSameJson } from '../model/same-json.ts';
import { labels, managedBy } from '../model/names.ts';
import { renderNetworkPolicy } from '../render/network-policy.ts';
import type { AddressRange } from './ranges.ts';

export interface IsolationInput {
  /** Undefined while nobody has told of it, and when it is gone. */
  readonly namespace: Namespace | undefined;
  readonly policy: NetworkPolicy | undefined;
  readonly ranges: readonly AddressRange[];
}

export type IsolationDecision =
  /** The policy is there and says what it has to. */
  | { readonly kind: 'isolated' }
  /** Nothing can be made there (any more). */
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'create'; readonly policy: NetworkPolicy }
  | {
      readonly kind: 'restore';
      /** Names of the fields, for the log. */
      readonly fields: readonly string[];
      /** A JSON patch (RFC 6902). */
      readonly patch: readonly unknown[];
    };

export function decideIsolation({ namespace, policy, ranges }: IsolationInput): IsolationDecision {
  if (!namespace || isBeingDeleted(namespace)) return { kind: 'nowhere' };
  const wanted = renderNetworkPolicy(namespace, ranges);
  if (!policy || isBeingDeleted(policy)) return { kind: 'create', policy: wanted };
  const fields: string[] = [];
  const patch: unknown[] = [];
  const { labels: own } = policy.metadata;
  if (own?.[labels.managedBy] !== managedBy) {
    fields.push(`metadata.labels.${labels.managedBy}`);
    const path = `/metadata/labels/${labels.managedBy.replaceAll('/', '~1')}`;
    patch.push(
      own === undefined
        ? { op: 'add', path: '/metadata/labels', value: wanted.metadata.labels }
        : { op: 'add', path, value: managedBy },
    );
  }
  if (!isSameJson(policy.spec, wanted.spec)) {
    fields.push('spec');
    // As a whole: an edit may have added members that no merge would take away.
    patch.push({ op: 'add', path: '/spec', value: wanted.spec });
  }
  return fields.length === 0 ? { kind: 'isolated' } : { kind: 'restore', fields, patch };
}
