// The pool as guests that have to leave find it: less all that was given away, and what is known of it for each kind of guest.
// Promises: what it answers is of this moment; brings itself up to date when it is asked, at the cost of what changed since.

import type { Clock } from '../kube/clock.ts';
import { Verdicts, type RequirementClass } from '../matching/verdicts.ts';
import type { Pool } from '../model/pool.ts';
import type { Promised } from '../world/promises.ts';
import type { World } from '../world/world.ts';

export class Room {
  readonly #world: Pick<World, 'pool' | 'promises'>;
  readonly #clock: Clock;
  readonly #verdicts = new Verdicts();
  #pool: Pool | undefined;
  #open: readonly Promised[] = [];

  constructor(world: Pick<World, 'pool' | 'promises'>, clock: Clock) {
    this.#world = world;
    this.#clock = clock;
  }

  /** Right until something is promised, or time passes. */
  now(): Verdicts {
    const pool = this.#world.pool();
    const open = this.#world.promises.open(pool, this.#clock.now());
    const same = open.length === this.#open.length && open.every((each, n) => each === this.#open[n]);
    if (pool === this.#pool && same) return this.#verdicts;
    this.#verdicts.sync(pool);
    for (const { to, needs } of open) this.#verdicts.take(to, needs);
    this.#pool = pool;
    this.#open = open;
    return this.#verdicts;
  }

  /** Some machine takes such a guest, as far as its kind is concerned. */
  hasSome(wanted: RequirementClass): boolean {
    return this.now().fittingCount(wanted) > 0;
  }
}
