// How long each rung of the yield ladder lasts. What the rungs are: decide.ts.

export interface LadderSettings {
  /** From the owner's return until a frozen guest is to be moved, ms. */
  readonly freezeForMs: number;
  /** From then until it is parked, as nothing could take it, ms. */
  readonly migrateWithinMs: number;
  /** How long a guest without a script of its own for that has to shut down, ms. */
  readonly parkWithinMs: number;
}
