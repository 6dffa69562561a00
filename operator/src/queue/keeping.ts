// The machines that one pass keeps for jobs that fit nowhere yet: one for the first job of each kind, within a bound.
// Promises: no clock; a machine is kept for one job at most; whoever is let onto a kept machine does not delay that job, as far
// as walltimes tell. Lives for one pass only.

import type { Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import type { Pool } from '../model/pool.ts';
import type { Floor } from './floor.ts';
import { backfill, reservationFor, withBeside, type Reservation } from './reservation.ts';
import type { Waiter } from './waiter.ts';

export class Keeping {
  /** By job key. */
  readonly reservations = new Map<string, Reservation>();
  readonly #floor: Floor;
  readonly #most: number;
  /** By machine: for which job it is kept. */
  readonly #kept = new Map<string, Reservation>();

  /** @param most machines that are kept, and never more than half of the pool. */
  constructor(pool: Pool, floor: Floor, most: number) {
    this.#floor = floor;
    this.#most = Math.min(most, Math.ceil(pool.machines.length / 2));
  }

  get isFull(): boolean {
    return this.#kept.size >= this.#most;
  }

  /** Whether somebody may have that machine in spite of whom it is kept for. */
  allows(machine: string, guest: { readonly needs: Amount; readonly endsAtMs?: number | undefined }): boolean {
    const reservation = this.#kept.get(machine);
    return !reservation || backfill(reservation, guest) !== undefined;
  }

  /** Somebody has it. */
  gave(machine: string, guest: { readonly needs: Amount; readonly endsAtMs?: number | undefined }): void {
    const reservation = this.#kept.get(machine);
    if (reservation && backfill(reservation, guest) === 'beside') {
      this.#kept.set(machine, withBeside(reservation, guest.needs));
    }
  }

  /**
   * Keeps a machine for the job, unless none could ever take it.
   * @param could machines that could take it but for what is on them.
   */
  keep(
    { key, requirement }: Waiter,
    could: Iterable<Machine>,
    avoided: readonly { readonly node: string }[],
    nowMs: number,
  ): void {
    const candidates: Machine[] = [];
    for (const machine of could) {
      const { name } = machine;
      if (!this.#kept.has(name) && !avoided.some(({ node }) => node === name)) candidates.push(machine);
    }
    const reservation = reservationFor(requirement.needs, candidates, this.#floor, nowMs);
    if (!reservation) return;
    this.#kept.set(reservation.machine, reservation);
    this.reservations.set(key, reservation);
  }
}
