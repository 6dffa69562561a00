// When owners are at their machines: the one thing that all patterns and recorded traces come down to.
// Promises: visits of a machine are in order and do not overlap.

/** Times in ms since the beginning of the simulation, which is a Monday, 00:00. */
export interface Visit {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Owners {
  /** The visits that begin on this day, in order. Asked once per machine and day, days in order. */
  visitsOn(machine: string, day: number): readonly Visit[];
}

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** In order, with what overlaps or touches joined into one. */
export function joined(visits: readonly Visit[]): Visit[] {
  const sorted = visits.filter(({ fromMs, toMs }) => toMs > fromMs).sort((a, b) => a.fromMs - b.fromMs);
  const result: Visit[] = [];
  for (const visit of sorted) {
    const last = result.at(-1);
    if (last && visit.fromMs <= last.toMs) {
      result[result.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, visit.toMs) };
    } else result.push(visit);
  }
  return result;
}
