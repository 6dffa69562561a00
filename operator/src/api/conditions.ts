// meta/v1 conditions: a list with one entry per type.
// Promises: pure; lastTransitionTime moves only when the status does; an unchanged condition keeps the list as it is (same
// array), so that callers can tell whether anything is to be written.

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** CamelCase, for machines; conditions of kinds that are not ours may lack it. */
  reason?: string;
  message?: string;
  observedGeneration?: number;
  /** RFC 3339, seconds. */
  lastTransitionTime?: string;
}

export interface ConditionUpdate {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number | undefined;
}

/** What our own kinds store: every field that the API convention requires is there. */
export type FullCondition = Condition & Required<Pick<Condition, 'reason' | 'message' | 'lastTransitionTime'>>;

/** @param nowIso the time to record if the status changes, RFC 3339; its fraction of a second is dropped. */
export function setCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  update: ConditionUpdate,
  nowIso: string,
): (C | FullCondition)[] {
  const list = conditions ?? [];
  const before = list.find((condition) => condition.type === update.type);
  const { observedGeneration, ...rest } = update;
  const moved = before?.status !== update.status || before.lastTransitionTime === undefined;
  const next: FullCondition = {
    ...rest,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: moved ? wholeSeconds(nowIso) : (before.lastTransitionTime ?? wholeSeconds(nowIso)),
  };
  if (!before) return [...list, next];
  if (
    !moved &&
    before.reason === next.reason &&
    before.message === next.message &&
    before.observedGeneration === next.observedGeneration
  ) {
    return list as C[];
  }
  return list.map((condition) => (condition === before ? next : condition));
}

export function getCondition<C extends { readonly type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  // A loop and no closure: nothing in the operator is asked more often.
  for (const condition of conditions ?? []) if (condition.type === type) return condition;
  return undefined;
}

/** True only for status "True". */
export function isTrue(conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean {
  return getCondition(conditions, type)?.status === 'True';
}

/** metav1.Time has no fraction; Kubernetes drops it on reading, and an applied value that differs would never settle. */
function wholeSeconds(iso: string): string {
  return iso.replace(/\.\d+(?=Z|[+-])/, '');
}
