// The text of PodScheduled=False and of the FailedScheduling event, in the form of kube-scheduler 1.36 (FitError.Error and
// the message that DefaultPreemption adds). Reasons are counted per node and sorted as text, counts included.

/** Why one node was refused; preemptable if removing pods from it could have helped. */
export interface NodeRefusal {
  readonly reason: string;
  readonly preemptable: boolean;
}

function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

/** One entry per node, each with at least one refusal. */
export function unschedulableMessage(refused: readonly (readonly NodeRefusal[])[]): string {
  if (refused.length === 0) return 'no nodes available to schedule pods';
  const total = `0/${refused.length} nodes are available:`;
  const preemption = refused.map((refusals) =>
    refusals.every((refusal) => refusal.preemptable)
      ? 'No preemption victims found for incoming pod'
      : 'Preemption is not helpful for scheduling',
  );
  const why = tally(refused.flatMap((refusals) => refusals.map((refusal) => refusal.reason)));
  return `${total} ${why}. no new claims to deallocate, preemption: ${total} ${tally(preemption)}.`;
}
