// The seal on the lease of a lost machine: a mark that its agent cannot overwrite unseen, as both always write by resourceVersion.
// Promises: pure; renewTime stays, for a seal is no sign of life. Whoever holds the lease anew writes another holder.

import type { Lease } from '../api/kubernetes.ts';

const mark = 'lost:';

/** The operator has judged its machine as lost; nothing that ran there under the holder before may run on. */
export function isSealed({ spec }: Lease): boolean {
  return spec?.holderIdentity?.startsWith(mark) === true;
}

/** The same lease, sealed; to be written with the resourceVersion that it carries. A sealed one is returned as it is. */
export function sealOf(lease: Lease): Lease {
  if (isSealed(lease)) return lease;
  const { spec } = lease;
  const holderIdentity = `${mark}${spec?.holderIdentity ?? ''}`;
  return { ...lease, spec: { ...spec, holderIdentity, leaseTransitions: (spec?.leaseTransitions ?? 0) + 1 } };
}

/** Who held a sealed lease before; undefined of one that is not sealed. */
export function sealedHolderOf({ spec }: Lease): string | undefined {
  const holder = spec?.holderIdentity;
  return holder?.startsWith(mark) ? holder.slice(mark.length) : undefined;
}
