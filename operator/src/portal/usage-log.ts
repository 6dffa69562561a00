// How many cores the lab lent and how many were at work, since this process started: for the chart of the overview.
// Promises: bounded, a day at most; it is lost with the process, and says since when it knows. Must not know who may see it.

import type { Clock } from '../kube/clock.ts';
import type { MachineRow } from './schemas.ts';

export interface UsagePoint {
  readonly atMs: number;
  readonly lent: number;
  readonly used: number;
}

const everyMs = 30_000;
const keptMs = 24 * 3600_000;

export class UsageLog {
  readonly #points: UsagePoint[] = [];
  readonly #clock: Clock;
  readonly #machines: () => readonly MachineRow[];

  constructor(clock: Clock, machines: () => readonly MachineRow[]) {
    this.#clock = clock;
    this.#machines = machines;
  }

  /** Takes a point now and then until told to end. */
  run(signal: AbortSignal): void {
    this.take();
    const timer = setInterval(() => this.take(), everyMs);
    timer.unref();
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  take(): void {
    const atMs = this.#clock.now();
    this.#points.push(this.#now(atMs));
    const old = this.#points.findIndex((point) => point.atMs > atMs - keptMs);
    this.#points.splice(0, Math.max(0, old));
  }

  /** At most `most` of them and the state of this moment; each stands for the mean of its neighbours where there are more. */
  points(most = 360): UsagePoint[] {
    const each = Math.ceil(this.#points.length / most) || 1;
    const merged: UsagePoint[] = [];
    for (let from = 0; from < this.#points.length; from += each) {
      const group = this.#points.slice(from, from + each);
      const mean = (of: (point: UsagePoint) => number): number =>
        Math.round((group.reduce((sum, point) => sum + of(point), 0) / group.length) * 10) / 10;
      merged.push({ atMs: group[0]!.atMs, lent: mean(({ lent }) => lent), used: mean(({ used }) => used) });
    }
    return [...merged, this.#now(this.#clock.now())];
  }

  #now(atMs: number): UsagePoint {
    let lent = 0;
    let used = 0;
    for (const row of this.#machines()) {
      used += row.used.cores;
      const open = row.approved && row.lending && row.ready && !row.lost && !row.cordoned && !row.ownerPresent;
      if (open && row.hold === undefined) lent += row.lends.cores;
      else lent += Math.min(row.used.cores, row.lends.cores);
    }
    return { atMs, lent, used };
  }
}
