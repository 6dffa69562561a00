// The pool as guests that have to leave find it: less all that was given away, what is known of it for each kind of guest, and
// whether one more may be on the way.
// Promises: what it answers is of this moment; brings itself up to date when it is asked, at the cost of what changed since.

import type { Clock } from '../kube/clock.ts';
import { Verdicts } from '../matching/verdicts.ts';
import type { Pool } from '../model/pool.ts';
import type { Promised } from '../world/promises.ts';
import type { World } from '../world/world.ts';
import type { Traffic } from './traffic.ts';
import { turnOf, type Limits } from './turn.ts';
import type { Awaited } from './wakes.ts';

export interface RoomOptions {
  readonly world: Pick<World, 'pool' | 'promises'>;
  readonly clock: Clock;
  readonly traffic: Pick<Traffic, 'moving'>;
  readonly limits: Limits;
}

export class Room {
  readonly #o: RoomOptions;
  readonly #verdicts = new Verdicts();
  #pool: Pool | undefined;
  #open: readonly Promised[] = [];

  constructor(options: RoomOptions) {
    this.#o = options;
  }

  /** Right until something is promised, or time passes. */
  now(): Verdicts {
    const { world, clock } = this.#o;
    const pool = world.pool();
    const open = world.promises.open(pool, clock.now());
    const same = open.length === this.#open.length && open.every((each, n) => each === this.#open[n]);
    if (pool === this.#pool && same) return this.#verdicts;
    this.#verdicts.sync(pool);
    for (const { to, needs } of open) this.#verdicts.take(to, needs);
    this.#pool = pool;
    this.#open = open;
    return this.#verdicts;
  }

  /** Some machine takes such a guest, as far as its kind is concerned; or one more may leave that machine. */
  has(awaited: Awaited): boolean {
    if (awaited.kind === 'room') return this.now().fittingCount(awaited.of) > 0;
    const { world, clock, traffic, limits } = this.#o;
    const pool = world.pool();
    const { from } = awaited;
    return turnOf(from, pool.machine(from)?.room, traffic.moving(clock.now()), pool, limits) === undefined;
  }
}
