// Condition lists as KubeVirt keeps them: one entry per type, the transition time moves only when the status changes.
// Pure: the time is passed in.
import type { Condition } from '../../model/meta.ts';

export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** The list with this condition in it. Nothing changes (same array) when the entry says so already. */
export function withCondition(list: readonly Condition[], next: NewCondition, now: string): readonly Condition[] {
  const old = list.find((entry) => entry.type === next.type);
  if (old && old.status === next.status && old.reason === next.reason && old.message === next.message) return list;
  const entry: Condition = {
    type: next.type,
    status: next.status,
    ...(next.reason === undefined ? {} : { reason: next.reason }),
    ...(next.message === undefined ? {} : { message: next.message }),
    lastProbeTime: next.reason === undefined ? null : now,
    lastTransitionTime: old && old.status === next.status ? (old.lastTransitionTime ?? now) : now,
  };
  return old ? list.map((each) => (each === old ? entry : each)) : [...list, entry];
}

/** The list without the conditions of these types (same array when there were none). */
export function withoutConditions(list: readonly Condition[], ...types: readonly string[]): readonly Condition[] {
  const left = list.filter((entry) => !types.includes(entry.type));
  return left.length === list.length ? list : left;
}
