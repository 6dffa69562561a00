// What logind knows of one login session (org.freedesktop.login1.Session), and how long each thing has been so.
// Promises: pure; ages are elapsed times, so a wall clock that is set does not change them. A desktop that does not report
// idleness reports nothing: a hint counts only when it is true, and no longer than until the screen was last unlocked.

import type { Session } from '../presence/readings.ts';

/** As D-Bus has them: 64-bit numbers are bigints. */
export type Properties = Readonly<Record<string, unknown>>;

export interface Now {
  /** ms since the epoch. */
  readonly wallMs: number;
  /** Elapsed ms by a clock that never jumps. */
  readonly elapsedMs: number;
}

/** A session as it was when it was last read; times are of the elapsed clock. */
export interface SessionMemory {
  readonly id: string;
  readonly isUser: boolean;
  readonly graphical: boolean;
  readonly remote: boolean;
  readonly active: boolean;
  readonly locked: boolean;
  readonly begunMs: number;
  readonly unlockedMs?: number | undefined;
  readonly idle?: { readonly hintUs: bigint; readonly sinceMs: number } | undefined;
}

const graphicalTypes = new Set(['x11', 'wayland', 'mir']);
/** Hints are written by the same clock that we read; more than rounding is a clock that was set back. */
const roundingMs = 1_000;

/** Undefined for a session that has ended but for its left-over processes. */
export function rememberSession(
  before: SessionMemory | undefined,
  id: string,
  properties: Properties,
  now: Now,
): SessionMemory | undefined {
  if (properties['State'] === 'closing') return undefined;
  const locked = properties['LockedHint'] === true;
  return {
    id,
    // Since version 256 people have classes such as user-early, too; greeters, lock screens and cron jobs never did.
    isUser: String(properties['Class']).startsWith('user'),
    graphical: graphicalTypes.has(String(properties['Type'])),
    remote: properties['Remote'] === true,
    active: properties['Active'] === true,
    locked,
    begunMs: before?.begunMs ?? now.elapsedMs - Math.max(0, now.wallMs - msOf(properties['Timestamp'])),
    unlockedMs: before?.locked && !locked ? now.elapsedMs : before?.unlockedMs,
    idle: idleness(before, properties, now),
  };
}

export function sessionReading(memory: SessionMemory, elapsedMs: number): Session {
  const { id, isUser, graphical, remote, active, locked, begunMs, unlockedMs, idle } = memory;
  // Desktops have been seen to leave the hint as it was after an unlock.
  const stale = idle === undefined || (unlockedMs !== undefined && idle.sinceMs <= unlockedMs);
  return {
    id,
    isUser,
    graphical,
    remote,
    active,
    locked,
    ageMs: elapsedMs - begunMs,
    unlockedMs: unlockedMs === undefined ? undefined : elapsedMs - unlockedMs,
    idleMs: stale ? undefined : elapsedMs - idle.sinceMs,
  };
}

function idleness(before: SessionMemory | undefined, properties: Properties, now: Now): SessionMemory['idle'] {
  if (properties['IdleHint'] !== true) return undefined;
  const hintUs = BigInt(numeric(properties['IdleSinceHint']));
  if (before?.idle?.hintUs === hintUs) return before.idle;
  const ageMs = now.wallMs - msOf(hintUs);
  if (ageMs < -roundingMs) return undefined;
  // A hint without a time is as old as our knowing of it.
  return { hintUs, sinceMs: now.elapsedMs - (hintUs === 0n ? 0 : Math.max(0, ageMs)) };
}

function msOf(microseconds: unknown): number {
  return Number(numeric(microseconds)) / 1000;
}

function numeric(value: unknown): bigint | number {
  return typeof value === 'bigint' || typeof value === 'number' ? value : 0;
}
