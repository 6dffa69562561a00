// Why a guest's QEMU ended, told from what was asked of it, what it said and how its process ended. Pure.

export type ExitReason =
  /** The guest powered itself off, or obeyed the power button. */
  | 'guest-shutdown'
  /** The guest's kernel panicked and said so. */
  | 'guest-panic'
  /** The guest lives on in another process. */
  | 'migrated'
  /** It waited for a guest that never arrived. */
  | 'migration-failed'
  /** We killed it. */
  | 'killed'
  /** QEMU was told to quit, over its control socket or by a polite signal. */
  | 'quit'
  /** QEMU failed, or somebody else killed it. */
  | 'crash';

export interface GuestExit {
  readonly reason: ExitReason;
  /** One line for people: what QEMU printed last, or how the process ended. */
  readonly detail: string;
}

export interface ExitEvidence {
  readonly code: number | null;
  readonly signal: string | null;
  /** `reason` of the last SHUTDOWN event. */
  readonly shutdownReason?: string | undefined;
  /** kill() was called. */
  readonly killed: boolean;
  /** A migration from here had completed. */
  readonly migrated: boolean;
  /** It still waited for an incoming migration. */
  readonly incoming: boolean;
  readonly lastErrorLine?: string | undefined;
}

export function classifyExit(evidence: ExitEvidence): GuestExit {
  const process = evidence.signal === null ? `exit code ${evidence.code}` : `signal ${evidence.signal}`;
  const detail = evidence.lastErrorLine === undefined ? process : `${process}: ${evidence.lastErrorLine}`;
  if (evidence.migrated) return { reason: 'migrated', detail };
  if (evidence.shutdownReason === 'guest-shutdown')
    return { reason: 'guest-shutdown', detail: 'the guest powered off' };
  if (evidence.shutdownReason === 'guest-panic')
    return { reason: 'guest-panic', detail: "the guest's kernel panicked" };
  if (evidence.killed) return { reason: 'killed', detail };
  if (evidence.incoming) return { reason: 'migration-failed', detail };
  if (evidence.code === 0) return { reason: 'quit', detail: evidence.shutdownReason ?? detail };
  return { reason: 'crash', detail };
}
