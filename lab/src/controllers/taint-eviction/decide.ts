// When a pod must leave a node that has NoExecute taints. Pure.
// Rule: a taint that is not tolerated evicts at once; a toleration with tolerationSeconds allows that long, counted from when the
// taint was set or the pod came; the shortest allowance counts (kube-controller-manager pkg/controller/tainteviction).
import type { Taint } from '../../model/node.ts';
import { isFinished, type Pod } from '../../model/pod.ts';
import { tolerates, untolerated } from '../../model/tolerations.ts';

/** When a taint counts from, in ms since the epoch. */
export type TaintStart = (taint: Taint) => number;

/** The taint's own time, where the writer gave one. */
export function declaredStart(taint: Taint): number | undefined {
  const at = Date.parse(taint.timeAdded ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/**
 * The moment the pod has to leave, in ms since the epoch: 0 for at once, undefined for never.
 */
export function evictionDeadline(pod: Pod, taints: readonly Taint[], startOf: TaintStart): number | undefined {
  if (isFinished(pod) || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const evicting = taints.filter((taint) => taint.effect === 'NoExecute');
  const tolerations = pod.spec.tolerations ?? [];
  if (untolerated(evicting, tolerations).length > 0) return 0;
  const came = Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') || 0;
  let deadline: number | undefined;
  for (const taint of evicting) {
    for (const toleration of tolerations) {
      if (toleration.tolerationSeconds === undefined || !tolerates(toleration, taint)) continue;
      const until =
        toleration.tolerationSeconds <= 0 ? 0 : Math.max(startOf(taint), came) + toleration.tolerationSeconds * 1000;
      deadline = Math.min(deadline ?? until, until);
    }
  }
  return deadline;
}
