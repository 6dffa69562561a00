// How many pods a PodDisruptionBudget lets go now. Pure.
// Rule: kube-controller-manager pkg/controller/disruption. A share is counted over pods that a controller owns; the lab serves no kind
// with a scale, so each such pod counts as one that its controller expects.
import { conditionOf, type Condition, type StoredMeta } from '../../model/meta.ts';
import { isFinished, type LabelSelector, type Pod } from '../../model/pod.ts';

export interface DisruptionBudget {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: StoredMeta;
  readonly spec?: {
    readonly selector?: LabelSelector;
    readonly minAvailable?: number | string;
    readonly maxUnavailable?: number | string;
  };
  readonly status?: BudgetStatus;
}

export interface BudgetStatus {
  readonly disruptionsAllowed: number;
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly expectedPods: number;
  readonly observedGeneration?: number;
  /** Pods that the eviction API let go but that are not seen as going yet: name to the time of the eviction. */
  readonly disruptedPods?: Readonly<Record<string, string>>;
  readonly conditions?: readonly Condition[];
}

/** An evicted pod that is still not going after this time was never deleted: its place is given back. */
export const DISRUPTION_TIMEOUT_MS = 120_000;

/** A number, or a percentage of the whole rounded up; undefined for text that is neither. */
function scaled(amount: number | string, whole: number): number | undefined {
  if (typeof amount === 'number') return amount;
  const percent = /^(\d+)%$/.exec(amount)?.[1];
  return percent === undefined ? undefined : Math.ceil((Number(percent) * whole) / 100);
}

function wantedHealthy(budget: DisruptionBudget, pods: readonly Pod[]): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const managed = pods.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.controller)).length;
  if (maxUnavailable !== undefined)
    return { expected: managed, desired: Math.max(0, managed - (scaled(maxUnavailable, managed) ?? 0)) };
  if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable };
  if (minAvailable !== undefined) return { expected: managed, desired: scaled(minAvailable, managed) ?? managed };
  return { expected: pods.length, desired: 1 };
}

function stillDisrupted(budget: DisruptionBudget, pods: readonly Pod[], nowMs: number): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, since] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = pods.find(({ metadata }) => metadata.name === name);
    const waiting = pod !== undefined && pod.metadata.deletionTimestamp === undefined;
    if (waiting && nowMs - Date.parse(since) < DISRUPTION_TIMEOUT_MS) kept[name] = since;
  }
  return kept;
}

/** The budget's status over the pods that it selects. */
export function budgetStatus(
  budget: DisruptionBudget,
  selected: readonly Pod[],
  now: { readonly ms: number; readonly text: string },
): BudgetStatus {
  const pods = selected.filter((pod) => !isFinished(pod));
  const disruptedPods = stillDisrupted(budget, pods, now.ms);
  const currentHealthy = pods.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      !(metadata.name in disruptedPods) &&
      conditionOf(status?.conditions, 'Ready')?.status === 'True',
  ).length;
  const { expected, desired } = wantedHealthy(budget, pods);
  const disruptionsAllowed = expected <= 0 ? 0 : Math.max(0, currentHealthy - desired);
  const status = disruptionsAllowed > 0 ? 'True' : 'False';
  const before = conditionOf(budget.status?.conditions, 'DisruptionAllowed');
  const { generation } = budget.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return {
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods: expected,
    ...observed,
    ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
    conditions: [
      {
        type: 'DisruptionAllowed',
        status,
        reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        lastTransitionTime: before?.status === status ? (before.lastTransitionTime ?? now.text) : now.text,
        ...observed,
      },
    ],
  };
}
