// When another pass over the line is worth its time.
// Promises: a change that may give somebody a machine is looked at at once, any other within seconds; a long pass is followed by
// a pause in proportion; while nothing changed and nothing is due, there is no pass, and to see that costs next to nothing.

import type { Deps } from '../deps.ts';
import type { Pool } from '../model/pool.ts';
import type { Register } from '../queue/register.ts';
import type { Pass } from './decide.ts';
import type { Verdicts } from './verdicts.ts';

/** While no machine fits anybody who waits, the words are brought up to date no more often than this. */
const lookEveryMs = 15_000;
/** While nobody waits a pass has machines to give to nobody: it only looks at runners-up again. */
const idleEveryMs = 1_000;
/** A pass that took long is followed by a pause of this many times its length; a look at what changed by a longer one. */
const restFactor = 2;
const lookRestFactor = 9;

interface Seen {
  readonly pass: Pass;
  readonly pool: Pool;
  /** Version of the line. */
  readonly line: number;
  /** Monotonic. */
  readonly atMs: number;
}

export class Pace {
  readonly #deps: Deps;
  readonly #register: Register;
  readonly #verdicts: Verdicts;
  #seen: Seen | undefined;
  #news = true;
  #restUntilMs = 0;
  #lookFromMs = 0;
  /** Until when there is no look while nobody waits. */
  #idleUntilMs = 0;
  /** Something may have changed while looks were resting. */
  #unseen = false;

  constructor(deps: Deps, register: Register, verdicts: Verdicts) {
    this.#deps = deps;
    this.#register = register;
    this.#verdicts = verdicts;
  }

  /** Until when there is no pass, monotonic ms. */
  get restUntilMs(): number {
    return this.#restUntilMs;
  }

  /** Something happened that neither the pool nor the line shows. */
  news(): void {
    this.#news = true;
  }

  /** A pass begins: what happens from now on is news again. */
  begins(): void {
    this.#news = false;
    this.#unseen = false;
  }

  /** @param o.startMs when the pass began, monotonic. */
  ended(pass: Pass, o: { readonly pool: Pool; readonly startMs: number }): void {
    const atMs = this.#deps.clock.monotonic();
    this.#seen = { pass, pool: o.pool, line: this.#register.version, atMs };
    this.#restUntilMs = o.startMs + (atMs - o.startMs) * (1 + restFactor);
  }

  /** Whether another pass may come to another answer. */
  get isDue(): boolean {
    const { world, clock } = this.#deps;
    const before = this.#seen;
    if (!before || this.#news || this.#register.version !== before.line || before.pass.cut) return true;
    if ((before.pass.wakeAtMs ?? Infinity) <= clock.now()) return true;
    const startMs = clock.monotonic();
    this.#unseen = false;
    const idle = this.#register.line.size === 0;
    if (idle && startMs < this.#idleUntilMs) return false;
    if (idle) this.#idleUntilMs = startMs + idleEveryMs;
    // Before the pool is asked: to bring it up to date is most of a look.
    this.#unseen = startMs < this.#lookFromMs && startMs < before.atMs + lookEveryMs;
    if (this.#unseen) return false;
    const pool = world.pool();
    if (pool === before.pool) return false;
    // Most changes of a full pool give nothing to anybody: that is seen without walking the line.
    if (before.atMs + lookEveryMs <= startMs) return true;
    this.#verdicts.sync(pool);
    for (const { to, needs } of world.promises.open(pool, clock.now())) this.#verdicts.take(to, needs);
    const due = before.pass.kinds.some((kind) => this.#verdicts.fittingCount(kind) > 0);
    this.#lookFromMs = startMs + (clock.monotonic() - startMs) * (1 + lookRestFactor);
    return due;
  }

  /** When the next pass is due although nothing may have changed by then, in ms; Infinity when it is not. */
  get dueInMs(): number {
    const { clock, world } = this.#deps;
    const seen = this.#seen;
    if (!seen) return Infinity;
    if (seen.pass.cut) return Math.max(1, this.#restUntilMs - clock.monotonic());
    const { wakeAtMs } = seen.pass;
    const wakeMs = wakeAtMs === undefined ? Infinity : Math.max(1, wakeAtMs - clock.now());
    const nowMs = clock.monotonic();
    const lookMs = this.#unseen ? Math.max(1, this.#lookFromMs - nowMs) : Infinity;
    // What is not seen yet is looked at before that.
    const behind = !this.#unseen && this.#register.line.size > 0 && seen.pool !== world.pool();
    return Math.min(wakeMs, lookMs, behind ? Math.max(1, seen.atMs + lookEveryMs - nowMs) : Infinity);
  }
}
