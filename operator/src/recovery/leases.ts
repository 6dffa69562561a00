// What recovery asks of whoever knows when machines were last heard.
// Promises: silence is counted by one clock, the operator's own; how a machine is heard is not part of this.

/** How a machine was heard. */
export interface Hearing {
  /** Since it was last heard, or since we began to listen, ms. */
  readonly silentMs: number;
  /** It was heard at least once while this process listened. */
  readonly renewed: boolean;
  /** When a verdict may next change, if that is known better than from `silentMs`. */
  readonly lookAgainInMs?: number | undefined;
}

export interface Leases {
  /** Nothing may be concluded from silence, as the API server cannot be heard either. */
  readonly blind: boolean;
  of(machine: string): Hearing;
  /** @param renewTime the lease's, or "" when the machine has no lease. */
  saw(machine: string, renewTime: string): void;
  forget(machine: string): void;
  /** The connection to the API server broke. */
  lostSight(): void;
  /** The API server answers again: silence counts from now on. */
  regainedSight(): void;
}

/**
 * Whether nothing should be begun on a machine, although it is too early to call it lost: it was heard before, and has now been
 * silent for a third of the time after which it is lost. Lets a switch or a fuse take no jobs that are only lost again.
 */
export function isFallingSilent(leases: Leases, machine: string, lostAfterMs: number): boolean {
  if (leases.blind) return false;
  const { silentMs, renewed } = leases.of(machine);
  return renewed && silentMs > lostAfterMs / 3;
}
