// The rules by which candidates share a Lease, as client-go's leaderelection has them.
// Promises: pure. A lease is judged by how long *we* have seen it unchanged, never by the times written in it, so clocks
// of other machines do not matter.

import type { Lease, LeaseSpec } from '../api/kubernetes.ts';
import { microTime } from './micro-time.ts';

/** A lease as seen, and when we first saw it in that state (monotonic ms). */
export interface Observation {
  readonly lease: Lease;
  readonly atMs: number;
}

export interface LeaseTerms {
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

/** client-go's jitter of the retry period. */
export const jitterFactor = 1.2;

/** Refuses terms under which two leaders could overlap. Throws RangeError with the field's name. */
export function checkTerms(terms: LeaseTerms): void {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = terms;
  if (!(retryPeriodMs > 0)) throw new RangeError(`retryPeriodMs: must be above 0, is ${retryPeriodMs}`);
  if (!(renewDeadlineMs > retryPeriodMs * jitterFactor)) {
    throw new RangeError(
      `renewDeadlineMs: must be above ${retryPeriodMs * jitterFactor} (retryPeriodMs x ${jitterFactor}), is ${renewDeadlineMs}`,
    );
  }
  if (!(leaseDurationMs > renewDeadlineMs)) {
    throw new RangeError(`leaseDurationMs: must be above renewDeadlineMs (${renewDeadlineMs}), is ${leaseDurationMs}`);
  }
  if (leaseDurationMs < 1000) throw new RangeError(`leaseDurationMs: must be at least 1000, is ${leaseDurationMs}`);
}

/** The observation after another look: its time moves only when the lease has changed. */
export function observe(before: Observation | undefined, lease: Lease, nowMs: number): Observation {
  const unchanged =
    before !== undefined &&
    before.lease.metadata.uid === lease.metadata.uid &&
    before.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
  return { lease, atMs: unchanged ? before.atMs : nowMs };
}

/** Milliseconds until the lease may be taken by `identity`; 0 or less means now. */
export function heldForMs(seen: Observation, identity: string, nowMs: number): number {
  const { holderIdentity, leaseDurationSeconds } = seen.lease.spec ?? {};
  if (!holderIdentity || holderIdentity === identity) return 0;
  return seen.atMs + (leaseDurationSeconds ?? 0) * 1000 - nowMs;
}

/** The spec that `identity` writes to take or renew the lease. */
export function claimSpec(
  previous: LeaseSpec | undefined,
  identity: string,
  leaseDurationMs: number,
  wallClockMs: number,
): LeaseSpec {
  const now = microTime(wallClockMs);
  const same = previous?.holderIdentity === identity;
  const transitions = previous?.leaseTransitions ?? 0;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
    acquireTime: (same ? previous.acquireTime : undefined) ?? now,
    renewTime: now,
    leaseTransitions: same || previous === undefined ? transitions : transitions + 1,
  };
}

/** The spec that a leader leaves behind so that the next one need not wait. */
export function releaseSpec(previous: LeaseSpec | undefined, wallClockMs: number): LeaseSpec {
  const now = microTime(wallClockMs);
  return {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: previous?.leaseTransitions ?? 0,
  };
}
