// Room on machines that was given away by a decision which is still being written: claims, migrations, guests made anew.
// Promises: one record for all who decide, so that two of them never give away the same room; whoever decides puts it here
// before the first await. One promise per job, the latest. Only in memory: what was written is in the pool, what was not is void.

import { plus, nothing, type Amount } from '../model/capacity.ts';
import { withTaken, type Pool } from '../model/pool.ts';

/** A guest that leaves another machine for the promised one. */
export interface Departure {
  /** The attempt that leaves. */
  readonly attempt: number;
  /** namespace/name of its instance. */
  readonly instance: string;
  readonly from: string;
  /** When that was decided, ms since the epoch. */
  readonly sinceMs: number;
}

export interface Promised {
  /** A claim of a waiting job; a migration; or the claim that a guest which is made anew is going to make. */
  readonly kind: 'claim' | 'migration' | 'remaking';
  /** namespace/name of the job. */
  readonly job: string;
  /** namespace/name of the virtual machine that is going to be there. */
  readonly guest: string;
  /** The machine. */
  readonly to: string;
  readonly needs: Amount;
  readonly departure?: Departure | undefined;
  /** The latest end of the guest by its walltime, ms since the epoch; undefined when nobody knows. */
  readonly endsAtMs?: number | undefined;
  /** Void from then on, ms since the epoch; undefined: whoever made it says when. */
  readonly untilMs?: number | undefined;
}

export class Promises {
  /** By job. */
  readonly #made = new Map<string, Promised>();
  readonly #listeners: (() => void)[] = [];
  #applied: { readonly to: Pool; readonly open: readonly Promised[]; readonly pool: Pool } | undefined;

  /** Told when promised room is free again without anybody having moved in. */
  onWithdrawn(listener: () => void): void {
    this.#listeners.push(listener);
  }

  make(promised: Promised): Promised {
    this.#made.set(promised.job, promised);
    return promised;
  }

  of(job: string): Promised | undefined {
    return this.#made.get(job);
  }

  /** What was promised is in the pool now. Does nothing when another promise has taken its place. */
  fulfilled(promised: Promised): void {
    if (this.#made.get(promised.job) === promised) this.#made.delete(promised.job);
  }

  /** Nobody moves in after all. */
  withdraw(promised: Promised): void {
    if (this.#made.get(promised.job) !== promised) return;
    this.#made.delete(promised.job);
    for (const listener of this.#listeners) listener();
  }

  list(nowMs: number): Promised[] {
    for (const [job, { untilMs }] of this.#made) if (untilMs !== undefined && untilMs <= nowMs) this.#made.delete(job);
    return [...this.#made.values()];
  }

  /** What the pool does not show yet. */
  open(pool: Pool, nowMs: number): Promised[] {
    return this.list(nowMs).filter(({ to, guest }) => !pool.guests.get(to)?.some(({ key }) => key === guest));
  }

  /** The pool as it is once all that was decided has been carried out. */
  applyTo(pool: Pool, nowMs: number): Pool {
    const open = this.open(pool, nowMs);
    if (open.length === 0) return pool;
    // Whoever looks at many guests at one time asks for the same pool again and again.
    const known = this.#applied;
    if (known?.to === pool && known.open.length === open.length && open.every((each, n) => each === known.open[n])) {
      return known.pool;
    }
    const needs = new Map<string, Amount>();
    for (const promised of open) needs.set(promised.to, plus(needs.get(promised.to) ?? nothing, promised.needs));
    const applied = withTaken(pool, needs);
    this.#applied = { to: pool, open, pool: applied };
    return applied;
  }
}
