// The Lease of a machine as an object.
// Promises: pure; annotations that are not the agent's stay; it goes with its Node.

import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import { microTime } from '@idlewild/operator/kube/micro-time.ts';
import { annotations } from '@idlewild/operator/model/names.ts';
import type { FenceTerms } from '@idlewild/operator/recovery/fence-arithmetic.ts';
import { isSealed } from '@idlewild/operator/recovery/seal.ts';
import { silenceNote } from '@idlewild/operator/recovery/silence.ts';
import type { Seen } from './decide.ts';

export interface LeaseTerms extends FenceTerms {
  /** D, whole seconds. */
  readonly leaseSeconds: number;
}

export interface Claim {
  readonly namespace: string;
  readonly holder: string;
  readonly node: Pick<Node, 'metadata'>;
  readonly boot: string;
  readonly terms: LeaseTerms;
  /** ms since the epoch. */
  readonly nowMs: number;
  /** Since the last renewal, by a clock that nobody sets, ms; undefined when that is not known. */
  readonly silentMs?: number | undefined;
}

/** What `holder` writes to take or renew the lease; undefined `previous`: there is none. */
export function claimedLease(
  previous: Lease | undefined,
  { namespace, holder, node, boot, terms, nowMs, silentMs }: Claim,
): Lease {
  const { name, uid } = node.metadata;
  const same = previous?.spec?.holderIdentity === holder;
  const now = microTime(nowMs);
  const transitions = previous?.spec?.leaseTransitions ?? 0;
  const { switchAfterSeconds, killSeconds, checkSeconds } = terms;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      // Kubernetes makes a Lease that is updated but does not exist, unless it is told which one is meant.
      ...(previous?.metadata.uid === undefined ? {} : { uid: previous.metadata.uid }),
      ...(previous?.metadata.resourceVersion === undefined
        ? {}
        : { resourceVersion: previous.metadata.resourceVersion }),
      ...(previous?.metadata.labels === undefined ? {} : { labels: previous.metadata.labels }),
      annotations: {
        ...previous?.metadata.annotations,
        // Guests of another boot ended with that.
        ...(previous && bootOf(previous.metadata.annotations?.[annotations.fence]) === boot
          ? silenceNote(previous, nowMs, silentMs)
          : {}),
        [annotations.fence]: JSON.stringify({ switchAfterSeconds, killSeconds, checkSeconds, boot }),
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: uid ?? '' }],
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: terms.leaseSeconds,
      acquireTime: (same ? previous.spec?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: same || previous === undefined ? transitions : transitions + 1,
    },
  };
}

/** @param quietMs since when the lease has been seen unchanged. */
export function seenOf(lease: Lease, quietMs: number): Seen {
  const { metadata, spec } = lease;
  return {
    kind: 'there',
    sealed: isSealed(lease),
    holder: spec?.holderIdentity ?? '',
    boot: bootOf(metadata.annotations?.[annotations.fence]),
    quietMs,
  };
}

function bootOf(annotation: string | undefined): string {
  try {
    const { boot } = JSON.parse(annotation ?? '') as { boot?: unknown };
    return typeof boot === 'string' ? boot : '';
  } catch {
    // Written by somebody else, so of no boot of ours.
    return '';
  }
}
