// What recovery asks of whoever knows when machines were last heard, and how long a machine may be silent.
// Promises: silence is counted by one clock, the operator's own; how a machine is heard is not part of this. A machine that has an
// agent is judged by the lease that its agent keeps, the others by that of their kubelet.

import type { Lease } from '../api/kubernetes.ts';

/** Who renews a lease for a machine. */
export type Voice = 'agent' | 'kubelet';

/** How a machine was heard. */
export interface Hearing {
  /** Since it was last heard, or since we began to listen, ms. */
  readonly silentMs: number;
  /** It was heard at least once while this process listened. */
  readonly renewed: boolean;
  /** When a verdict may next change, if that is known better than from `silentMs`. */
  readonly lookAgainInMs?: number | undefined;
  /** Of the lease that its agent keeps, while there is one. */
  readonly agent?: AgentLease | undefined;
  /** The last time that its agent was silent for so long that it may have ended its guests. */
  readonly gap?: Gap | undefined;
  /** There is no such lease, but guests under an agent may be there: it had one, or nobody knows. */
  readonly maybeAgent?: boolean | undefined;
}

export interface Gap {
  readonly ms: number;
  /** Since it was heard again, ms. */
  readonly agoMs: number;
}

export interface AgentLease {
  readonly sealed: boolean;
  /** What the lease itself asks for, ms. */
  readonly durationMs: number;
}

export interface Leases {
  /** Nothing may be concluded from silence, as the API server cannot be heard either. */
  readonly blind: boolean;
  of(machine: string): Hearing;
  /** @param lease undefined when the machine has none (any more). */
  saw(voice: Voice, machine: string, lease: Lease | undefined): void;
  forget(machine: string): void;
  /** The connection to the API server broke. */
  lostSight(voice: Voice): void;
  /** The API server answers again: silence counts from now on, or for agents from a little before. */
  regainedSight(voice: Voice): void;
}

/** How long silence is borne, ms. */
export interface Patience {
  /** Of a machine without an agent. */
  readonly lostAfterMs: number;
  /** Of one with an agent, unless its lease asks for longer. */
  readonly leaseDurationMs: number;
  /** On top of that, until its lease is sealed. */
  readonly leaseMarginMs: number;
}

/** As the operator's flags are unless told. */
export const usualPatience: Patience = { lostAfterMs: 60_000, leaseDurationMs: 10_000, leaseMarginMs: 1_000 };

/** A lease may ask for no more than this. */
const longestDurationMs = 300_000;

/** Silence after which an agent may have ended guests, ms. It does so sooner than the operator knows of all of the silence. */
export const shortestGapMs = 5_000;
/** So long it may take until the ends of its guests are known, ms. */
const gapCountsMs = 60_000;

/**
 * How long the agent of a machine was silent, when that was for so long and so short a while ago that guests which ended there may
 * have been ended by it, ms.
 */
export function recentSilence(leases: Leases, machine: string): number | undefined {
  const { agent, silentMs, gap } = leases.of(machine);
  if (!agent) return undefined;
  const ms = Math.max(silentMs, gap && gap.agoMs < gapCountsMs ? gap.ms : 0);
  return ms >= shortestGapMs ? ms : undefined;
}

/** Silence after which a machine is lost, ms. */
export function lostAfter({ agent, maybeAgent }: Hearing, patience: Patience): number {
  const { lostAfterMs, leaseDurationMs, leaseMarginMs } = patience;
  if (agent) return Math.max(leaseDurationMs, Math.min(agent.durationMs, longestDurationMs));
  return maybeAgent === true ? Math.max(lostAfterMs, leaseDurationMs + leaseMarginMs) : lostAfterMs;
}

/**
 * Whether nothing should be begun on a machine, although it is too early to call it lost: it was heard before, and has now been
 * silent for a third of the time after which it is lost. Lets a switch or a fuse take no jobs that are only lost again.
 */
export function isFallingSilent(leases: Leases, machine: string, patience: Patience): boolean {
  if (leases.blind) return false;
  const hearing = leases.of(machine);
  return hearing.renewed && hearing.silentMs > lostAfter(hearing, patience) / 3;
}
