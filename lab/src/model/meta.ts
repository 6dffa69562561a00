// Object metadata as the lab's controllers and its scheduler read it from the API: plain data, no behaviour.
// The types are narrow on purpose: a field that no decision reads is not listed.
import type { ObjectMeta } from '@idlewild/operator/kube/object.ts';

/** Metadata of an object that the API server has stored: it always has a uid. */
export interface StoredMeta extends ObjectMeta {
  uid: string;
}

/** The condition entry shared by nodes, pods and namespaces; times are RFC 3339 with whole seconds. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastHeartbeatTime?: string | null;
  readonly lastProbeTime?: string | null;
  readonly lastTransitionTime?: string | null;
  readonly observedGeneration?: number;
}

/** The condition of that type, if the list has one. */
export function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** RFC 3339 with whole seconds, the form of metav1.Time. */
export function wholeSeconds(epochMs: number): string {
  return new Date(Math.floor(epochMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
