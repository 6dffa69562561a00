// What every check is given, and what it may do: look, and accuse.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Simulation } from '../world/simulation.ts';
import type { Write } from '../api/memory-api.ts';
import type { Bookings } from './bookings.ts';

export interface CheckContext {
  readonly simulation: Simulation;
  readonly clock: Clock;
  readonly bookings: Bookings;
  /** Jobs that want a machine and have none, by namespace/name. */
  readonly waiting: ReadonlyMap<string, ComputeJob>;
  /** @param about names whose writes are shown. */
  accuse(invariant: string, message: string, about: readonly string[]): void;
}

export interface Check {
  /** After every write, in order. */
  saw?(write: Write, atMs: number): void;
  /** Every hour of virtual time, and at the end. */
  look?(atMs: number): void;
}

/** How old a view the operator may decide on: what it is told in the same moment may come a little later. */
export const staleMs = 1_000;
