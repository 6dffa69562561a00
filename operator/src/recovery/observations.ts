// When each machine's lease was last seen to change, by this process's own clock.
// Promises: clock skew between machines does not matter, for only the fact of a change is read, not its time; after a start,
// and after a time in which the API server could not be heard, every machine is given the full time again.

import type { Clock } from '../kube/clock.ts';
import type { Hearing, Leases } from './leases.ts';

interface Observation {
  readonly renewTime: string;
  readonly atMs: number;
  /** Changes seen by this process. */
  readonly renewals: number;
}

export class LeaseObservations implements Leases {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Observation>();
  #blind = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get blind(): boolean {
    return this.#blind;
  }

  saw(machine: string, renewTime: string): void {
    const before = this.#seen.get(machine);
    if (before && before.renewTime === renewTime) return;
    // Its first lease is no renewal: it may be an old one that we only now got to see.
    const renewals = before && before.renewTime !== '' ? before.renewals + 1 : 0;
    this.#seen.set(machine, { renewTime, atMs: this.#clock.monotonic(), renewals });
  }

  forget(machine: string): void {
    this.#seen.delete(machine);
  }

  lostSight(): void {
    this.#blind = true;
  }

  regainedSight(): void {
    if (!this.#blind) return;
    this.#blind = false;
    const atMs = this.#clock.monotonic();
    for (const [machine, seen] of this.#seen) this.#seen.set(machine, { ...seen, atMs });
  }

  of(machine: string): Hearing {
    const seen = this.#seen.get(machine);
    if (!seen) {
      this.saw(machine, '');
      return { silentMs: 0, renewed: false };
    }
    return { silentMs: this.#clock.monotonic() - seen.atMs, renewed: seen.renewals > 0 };
  }
}
