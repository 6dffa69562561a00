// All checks together: told of every write, called every hour, and the first accusation ends the run.
// Promises: an accusation names the seed, the virtual time, the writes that led to it and the command that shows it again.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { hourMs } from '../owners/visit.ts';
import type { Simulation } from '../world/simulation.ts';
import { Bookings } from './bookings.ts';
import { BudgetChecks } from './budgets.ts';
import type { Check, CheckContext } from './check.ts';
import { ClaimChecks } from './claims.ts';
import { isWaiting } from './facts.ts';
import { GuestChecks } from './guests.ts';
import { IsolationChecks } from './isolation.ts';
import { Keeping } from './keeping.ts';
import { LeftoverChecks } from './leftovers.ts';
import { OrderChecks } from './order.ts';
import { RecentWrites, Violation } from './violation.ts';
import { WaitingChecks } from './waiting.ts';

export class Watchman {
  violation: Violation | undefined;
  readonly guests: GuestChecks;
  readonly budgets: BudgetChecks;
  readonly order: OrderChecks;
  readonly #checks: readonly Check[];
  readonly #simulation: Simulation;

  /** @param replay the command that repeats the run. */
  constructor(simulation: Simulation, replay: string) {
    this.#simulation = simulation;
    const { api, clock } = simulation;
    const bookings = new Bookings();
    const waiting = new Map<string, ComputeJob>();
    const recent = new RecentWrites();
    const context: CheckContext = {
      ...{ simulation, clock, bookings, waiting },
      accuse: (invariant, message, about) => {
        const writes = this.violation ? [] : recent.about(about);
        this.violation ??= new Violation({ invariant, message, atMs: clock.monotonic(), replay, writes });
      },
    };
    this.guests = new GuestChecks(context);
    this.budgets = new BudgetChecks(context);
    const waits = new WaitingChecks(context, this.guests);
    const keeping = new Keeping(context);
    this.order = new OrderChecks(context, keeping);
    this.#checks = [
      ...[new ClaimChecks(context, keeping), this.order, waits, new LeftoverChecks(context), this.budgets],
      new IsolationChecks(context),
    ];
    api.onWrite((write) => {
      const atMs = clock.monotonic();
      recent.saw(write, atMs);
      bookings.saw(write, atMs);
      if (write.kind.type.plural === computeJobs.plural) {
        const job = write.object as unknown as ComputeJob;
        if (write.type !== 'DELETED' && isWaiting(job)) waiting.set(keyOf(job), job);
        else waiting.delete(keyOf(job));
      }
      for (const check of this.#checks) check.saw?.(write, atMs);
    });
    this.#hourly();
  }

  /** The checks that look at everything. */
  look(): void {
    for (const check of this.#checks) check.look?.(this.#simulation.clock.monotonic());
  }

  #hourly(): void {
    this.#simulation.clock.setTimeout(() => {
      this.look();
      this.#hourly();
    }, hourMs);
  }
}
