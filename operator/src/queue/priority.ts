// Priorities, and what an admin writes on a namespace about them: its ceiling and its weight beside the others.
// Promises: pure; a label that makes no sense changes nothing and is complained about in words.

import type { ComputeJobSpec } from '../api/compute-job.ts';
import type { Namespace } from '../api/kubernetes.ts';
import { labels } from '../model/names.ts';

export type Priority = ComputeJobSpec['priority'];

/** From the lowest to the highest; the index is the rank. */
export const priorities = ['Low', 'Normal', 'High', 'Urgent'] as const satisfies readonly Priority[];

/** 0 for Low to 3 for Urgent. */
export function rankOf(priority: Priority): number {
  return priorities.indexOf(priority);
}

export function priorityOfRank(rank: number): Priority {
  return priorities[rank] ?? 'Normal';
}

export interface NamespacePolicy {
  /** Share beside the other namespaces, 1 to 1000. */
  readonly weight: number;
  /** The highest priority that its jobs are served with. */
  readonly ceiling: Priority;
}

export const defaultPolicy: NamespacePolicy = { weight: 1, ceiling: 'Urgent' };

export interface PolicyReading {
  readonly policy: NamespacePolicy;
  /** Labels that were not understood, in words. */
  readonly complaints: readonly string[];
}

export function policyOf(namespace: Namespace | undefined): PolicyReading {
  const own = namespace?.metadata.labels ?? {};
  const complaints: string[] = [];
  const weightText = own[labels.weight];
  let { weight, ceiling } = defaultPolicy;
  if (weightText !== undefined) {
    const number = /^\d{1,4}$/.test(weightText) ? Number(weightText) : 0;
    if (number >= 1 && number <= 1000) weight = number;
    else complaints.push(`label ${labels.weight}: "${weightText}" is not a whole number from 1 to 1000; 1 is used`);
  }
  const ceilingText = own[labels.maxPriority];
  if (ceilingText !== undefined) {
    const known = priorities.find((priority) => priority === ceilingText);
    if (known) ceiling = known;
    else complaints.push(`label ${labels.maxPriority}: "${ceilingText}" is none of ${priorities.join(', ')}`);
  }
  return { policy: { weight, ceiling }, complaints };
}

export interface EffectivePriority {
  readonly rank: number;
  /** Set when the job is served with less than it asked for. */
  readonly lowered?: string | undefined;
}

/** What counts of the priority that a job asks for. `lowered` says by whose word it is less. */
export function effectivePriority(
  asked: Priority | undefined,
  policy: NamespacePolicy,
  highest: Priority,
): EffectivePriority {
  const wanted = rankOf(asked ?? 'Normal');
  const byNamespace = rankOf(policy.ceiling);
  const rank = Math.min(wanted, byNamespace, rankOf(highest));
  if (rank === wanted) return { rank };
  const whose = byNamespace === rank ? 'its namespace allows' : 'this pool allows';
  return { rank, lowered: `served with priority ${priorityOfRank(rank)}, the highest that ${whose}` };
}
