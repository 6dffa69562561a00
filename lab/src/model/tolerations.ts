// Which taints a pod tolerates: the one rule shared by the scheduler and by taint eviction.
// Semantics: k8s.io/api/core/v1 toleration.go (ToleratesTaint).
import type { Taint } from './node.ts';
import type { Toleration } from './pod.ts';

/** True if this toleration covers this taint: an empty key with Exists covers all keys, an empty effect all effects. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  if (!toleration.key) return false;
  return (toleration.value ?? '') === (taint.value ?? '');
}

/** The taints that no toleration covers. */
export function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): readonly Taint[] {
  return taints.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint)));
}
