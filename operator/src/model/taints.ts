// The taints of a node, replaced as a whole.
import type { Taint } from '../api/kubernetes.ts';

/**
 * What a merge patch writes for the list: null when there are none, which removes the member; an empty list is another value
 * to whoever reads the raw JSON. Patch with the node's resourceVersion: a stale list must not bring back what somebody else
 * took away.
 */
export function taintsForPatch(taints: readonly Taint[]): readonly Taint[] | null {
  return taints.length === 0 ? null : taints;
}
