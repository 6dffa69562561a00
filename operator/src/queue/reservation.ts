// The machine that is kept for a job that fits nowhere now, and what may run there meanwhile (EASY backfill).
// Promises: pure; whoever is let in beside a reservation does not delay it, as far as walltimes tell. A guest without a
// walltime counts as one that never leaves.

import { fits, minus, plus, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';

/** A guest, or a claim of this pass. */
export interface Occupant {
  readonly needs: Amount;
  /** The latest moment at which it leaves, ms since the epoch; undefined when nobody knows. */
  readonly endsAtMs?: number | undefined;
}

export interface Occupancy {
  free(machine: Machine): Amount;
  /** In the order of `byEnd`, as they are asked for once for each kind of job. */
  occupants(machine: Machine): readonly Occupant[];
}

/** Who leaves first comes first; those of whom nobody knows when come last. */
export function byEnd(a: Occupant, b: Occupant): number {
  const [one, other] = [a.endsAtMs ?? Infinity, b.endsAtMs ?? Infinity];
  return one === other ? 0 : one - other;
}

export interface Reservation {
  readonly machine: string;
  /** When the job will fit there; undefined when that depends on guests whose end nobody knows. */
  readonly atMs?: number | undefined;
  /** What will be left beside the job at that moment; undefined together with `atMs`. */
  readonly spare?: Amount | undefined;
}

const dimensions = [
  'cores',
  'memoryMiB',
  'diskMiB',
  'graphicsMiB',
  'gpus',
] as const satisfies readonly (keyof Amount)[];

/** When `needs` will be free on the machine by the walltimes of those on it, and what will be left then. */
export function earliestOn(
  machine: Machine,
  needs: Amount,
  occupancy: Occupancy,
  nowMs: number,
): { readonly atMs: number; readonly spare: Amount } | undefined {
  let free = occupancy.free(machine);
  if (fits(needs, free)) return { atMs: nowMs, spare: minus(free, needs) };
  for (const { needs: returned, endsAtMs } of occupancy.occupants(machine)) {
    if (endsAtMs === undefined) break;
    free = plus(free, returned);
    if (fits(needs, free)) return { atMs: Math.max(nowMs, endsAtMs), spare: minus(free, needs) };
  }
  return undefined;
}

/**
 * The machine on which the job will fit first; where no walltimes tell, the one that is nearest to having room, so that
 * a machine that is kept only ever gets emptier and is not given up for a fuller one.
 * @param candidates machines that could take the job but for what is on them.
 */
export function reservationFor(
  needs: Amount,
  candidates: Iterable<Machine>,
  occupancy: Occupancy,
  nowMs: number,
): Reservation | undefined {
  let known: (Reservation & { readonly atMs: number }) | undefined;
  let nearest: { readonly machine: string; readonly short: number } | undefined;
  for (const machine of candidates) {
    const name = machine.name;
    const earliest = earliestOn(machine, needs, occupancy, nowMs);
    if (earliest) {
      const first = !known || earliest.atMs < known.atMs || (earliest.atMs === known.atMs && name < known.machine);
      if (first) known = { machine: name, ...earliest };
    } else if (!known) {
      const short = shortOf(occupancy.free(machine), needs);
      if (!nearest || short < nearest.short || (short === nearest.short && name < nearest.machine)) {
        nearest = { machine: name, short };
      }
    }
  }
  return known ?? (nearest && { machine: nearest.machine });
}

/** How a job that fits on a kept machine now may be let in: gone before the other comes, beside it, or not at all. */
export function backfill(
  reservation: Reservation,
  job: { readonly needs: Amount; readonly endsAtMs?: number | undefined },
): 'before' | 'beside' | undefined {
  const { atMs, spare } = reservation;
  if (atMs === undefined || spare === undefined) return undefined;
  if (job.endsAtMs !== undefined && job.endsAtMs <= atMs) return 'before';
  return fits(job.needs, spare) ? 'beside' : undefined;
}

/** The reservation, with a job let in beside it. */
export function withBeside(reservation: Reservation, needs: Amount): Reservation {
  return reservation.spare ? { ...reservation, spare: minus(reservation.spare, needs) } : reservation;
}

/** The largest missing part of what is wanted, 0 to 1 and above when a machine is promised more than once. */
function shortOf(free: Amount, needs: Amount): number {
  return Math.max(0, ...dimensions.map((dimension) => (needs[dimension] - free[dimension]) / (needs[dimension] || 1)));
}
