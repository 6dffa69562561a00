// How many guests may move at a time.
// Promises: pure. What we let go at once never has to queue within KubeVirt, where nobody could tell a queue from a migration
// that hangs (parallelMigrationsPerCluster and parallelOutboundMigrationsPerNode of its configuration, 5 and 2 unless set).

import type { Pool } from '../model/pool.ts';
import type { Moving } from './traffic.ts';

export interface Limits {
  /** Guests that leave one machine at a time. */
  readonly perMachine: number;
  /** Guests that leave the machines of one room at a time. */
  readonly perRoom: number;
  readonly inAll: number;
}

/** Why one more guest may not leave `from` yet, as a clause; undefined when it may. */
export function turnOf(
  from: string,
  room: string | undefined,
  moving: readonly Moving[],
  pool: Pool,
  limits: Limits,
): string | undefined {
  const leaving = moving.filter((each) => each.from === from).length;
  if (leaving >= limits.perMachine) return `${limits.perMachine} of its guests are on the way already`;
  if (room !== undefined) {
    if (moving.filter((each) => pool.machine(each.from)?.room === room).length >= limits.perRoom) {
      return `${limits.perRoom} guests of room ${room} are on the way already`;
    }
  }
  return moving.length >= limits.inAll ? `${limits.inAll} guests are on the way already` : undefined;
}
