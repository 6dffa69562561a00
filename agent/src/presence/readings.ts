// What the sensors of a machine say, as plain data: every reading is a value or absent, and absent is unknown.
// Promises: ages are elapsed times by a clock that does not jump; nothing here says what was typed or by whom.

/** A login session of logind, or what can be known of one. */
export interface Session {
  readonly id: string;
  /** Greeters and lock screens are no people. */
  readonly isUser: boolean;
  readonly graphical: boolean;
  readonly remote: boolean;
  /** In the foreground of its seat. */
  readonly active: boolean;
  readonly locked: boolean;
  /** Since it was begun, ms. */
  readonly ageMs: number;
  /** Since it was last unlocked, ms; absent when that was not seen. */
  readonly unlockedMs?: number | undefined;
  /** Since its desktop or terminal reported idleness, ms; absent when it reports none, which proves nothing. */
  readonly idleMs?: number | undefined;
}

export interface Readings {
  /** Since the last human input at a device of the machine, ms. */
  readonly inputMs?: number | undefined;
  /** Since the last use of a terminal, ms. */
  readonly terminalMs?: number | undefined;
  readonly sessions?: readonly Session[] | undefined;
  /** Sound is played or recorded, or somebody asked that the machine not be called idle. */
  readonly watching?: boolean | undefined;
  /** Cores that the owner's own programs used over the last minute. */
  readonly ownerCores?: number | undefined;
  /** Percent of the last ten seconds in which everything waited for memory. */
  readonly memoryStall?: number | undefined;
  readonly onBattery?: boolean | undefined;
  readonly lidClosed?: boolean | undefined;
  /** Suspend or shutdown was announced. */
  readonly leaving?: boolean | undefined;
}
