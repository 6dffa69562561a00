// When waiting jobs will start, as far as the walltimes of the guests and of those before them in line tell.
// Promises: pure; says nothing where nobody can know. It is an estimate: machines come and go, and jobs end early.

import { minus, plus, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import { byEnd, earliestOn, type Occupancy, type Occupant } from './reservation.ts';

export interface Expected {
  readonly key: string;
  readonly needs: Amount;
  readonly walltimeMs?: number | undefined;
  /** Not before this, whatever is free; ms since the epoch. */
  readonly notBeforeMs?: number | undefined;
  /** Machines that could take it but for what is on them now. */
  readonly candidates: () => Iterable<Machine>;
}

/** By key: when each will have a machine, ms since the epoch. In the order of the line; each takes its place in the plan. */
export function estimateStarts(line: Iterable<Expected>, now: Occupancy, nowMs: number): Map<string, number> {
  const starts = new Map<string, number>();
  const plan = new Plan(now, nowMs);
  for (const job of line) {
    let best: { machine: Machine; atMs: number } | undefined;
    for (const machine of job.candidates()) {
      const earliest = plan.earliest(machine, job.needs);
      if (earliest && (!best || earliest.atMs < best.atMs)) best = { machine, atMs: earliest.atMs };
    }
    if (!best) continue;
    const atMs = Math.max(best.atMs, job.notBeforeMs ?? 0);
    starts.set(job.key, atMs);
    const endsAtMs = job.walltimeMs === undefined ? undefined : atMs + job.walltimeMs;
    plan.put(best.machine, { needs: job.needs, endsAtMs }, atMs);
  }
  return starts;
}

/** The occupancy as it will be: later entries on a machine see only what is there after the earlier ones began. */
class Plan implements Occupancy {
  readonly #now: Occupancy;
  readonly #nowMs: number;
  readonly #planned = new Map<string, { fromMs: number; free: Amount; occupants: Occupant[] }>();

  constructor(now: Occupancy, nowMs: number) {
    this.#now = now;
    this.#nowMs = nowMs;
  }

  free(machine: Machine): Amount {
    return this.#planned.get(machine.name)?.free ?? this.#now.free(machine);
  }

  occupants(machine: Machine): readonly Occupant[] {
    return this.#planned.get(machine.name)?.occupants ?? this.#now.occupants(machine);
  }

  earliest(machine: Machine, needs: Amount): { readonly atMs: number } | undefined {
    return earliestOn(machine, needs, this, this.#planned.get(machine.name)?.fromMs ?? this.#nowMs);
  }

  put(machine: Machine, occupant: Occupant, atMs: number): void {
    let free = this.free(machine);
    const stay: Occupant[] = [];
    for (const other of this.occupants(machine)) {
      if (other.endsAtMs !== undefined && other.endsAtMs <= atMs) free = plus(free, other.needs);
      else stay.push(other);
    }
    this.#planned.set(machine.name, {
      fromMs: atMs,
      free: minus(free, occupant.needs),
      occupants: [...stay, occupant].sort(byEnd),
    });
  }
}
