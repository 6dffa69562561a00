// The pool during one pass: what is there, and what this pass has given away on top.
// Promises: no clock and no I/O; a claim counts from the moment it is put. Lives for one pass only.

import { minus, nothing, plus, type Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import type { PlacedGuest, Pool } from '../model/pool.ts';
import { byEnd, type Occupancy, type Occupant } from './reservation.ts';
import type { Pair } from './usage.ts';

export class Floor implements Occupancy {
  readonly #pool: Pool;
  readonly #endOf: (guest: PlacedGuest) => number | undefined;
  readonly #put = new Map<string, { taken: Amount; occupants: Occupant[] }>();
  /** As worked out before, by machine. */
  readonly #occupants = new Map<string, readonly Occupant[]>();
  readonly #free = new Map<string, Amount>();

  /** @param endOf the latest end of a guest, ms since the epoch; undefined when nobody knows. */
  constructor(pool: Pool, endOf: (guest: PlacedGuest) => number | undefined) {
    this.#pool = pool;
    this.#endOf = endOf;
  }

  put(machine: string, occupant: Occupant): void {
    this.#changed(machine);
    const before = this.#put.get(machine);
    this.#put.set(machine, {
      taken: plus(before?.taken ?? nothing, occupant.needs),
      occupants: [...(before?.occupants ?? []), occupant],
    });
  }

  /** What was put there is lifted again. */
  lift(machine: string, occupant: Occupant): void {
    const before = this.#put.get(machine);
    if (!before?.occupants.includes(occupant)) return;
    this.#changed(machine);
    const occupants = before.occupants.filter((each) => each !== occupant);
    this.#put.set(machine, { taken: minus(before.taken, occupant.needs), occupants });
  }

  free({ name, offer }: Machine): Amount {
    let free = this.#free.get(name);
    if (!free) {
      const put = this.#put.get(name)?.taken ?? nothing;
      free = minus(minus(offer, this.#pool.taken.get(name) ?? nothing), put);
      this.#free.set(name, free);
    }
    return free;
  }

  #changed(machine: string): void {
    this.#occupants.delete(machine);
    this.#free.delete(machine);
  }

  occupants(machine: Machine): readonly Occupant[] {
    const known = this.#occupants.get(machine.name);
    if (known) return known;
    const guests = (this.#pool.guests.get(machine.name) ?? []).map((guest): Occupant => {
      return { needs: guest.needs, endsAtMs: this.#endOf(guest) };
    });
    const occupants = [...guests, ...(this.#put.get(machine.name)?.occupants ?? [])].sort(byEnd);
    this.#occupants.set(machine.name, occupants);
    return occupants;
  }
}

/** Pools share their lists of machines while no machine changes. */
const sizes = new WeakMap<readonly Machine[], Pair>();

/** Cores and MiB of all machines together. */
export function sizeOf({ machines }: Pool): Pair {
  const known = sizes.get(machines);
  if (known) return known;
  let [cores, memoryMiB] = [0, 0];
  for (const { offer } of machines) {
    cores += offer.cores;
    memoryMiB += offer.memoryMiB;
  }
  const size = { cores, memoryMiB };
  sizes.set(machines, size);
  return size;
}
