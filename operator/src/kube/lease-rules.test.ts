// Who may hold a lease, by time observed locally.
import { describe, expect, it } from '@jest/globals';
import type { Lease, LeaseSpec } from '../api/kubernetes.ts';
import { checkTerms, claimSpec, heldForMs, observe, releaseSpec } from './lease-rules.ts';

const lease = (spec: LeaseSpec, resourceVersion = '1', uid = 'u'): Lease => ({
  metadata: { namespace: 'x', name: 'l', uid, resourceVersion },
  spec,
});
const wall = Date.UTC(2026, 0, 1);

describe('the terms of a lease', () => {
  it.each<[string, number, number, number]>([
    ['leaseDurationMs', 10_000, 10_000, 2_000],
    ['renewDeadlineMs', 15_000, 2_300, 2_000],
    ['retryPeriodMs', 15_000, 10_000, 0],
    ['leaseDurationMs', 900, 500, 100],
    ['renewDeadlineMs', 15_000, Number.NaN, 2_000],
  ])('are refused by the name of the field %p', (field, leaseDurationMs, renewDeadlineMs, retryPeriodMs) => {
    expect(() => checkTerms({ leaseDurationMs, renewDeadlineMs, retryPeriodMs })).toThrow(`${field}: must be`);
  });

  it('of client-go are accepted', () => {
    expect(() => checkTerms({ leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 })).not.toThrow();
  });
});

describe('a lease of somebody else', () => {
  const theirs: LeaseSpec = {
    holderIdentity: 'other',
    leaseDurationSeconds: 15,
    renewTime: '1999-01-01T00:00:00.000000Z',
  };

  it('is held from when we first saw it, whatever time is written in it', () => {
    const seen = observe(undefined, lease(theirs), 1_000);
    expect(heldForMs(seen, 'me', 1_000)).toBe(15_000);
    expect(heldForMs(seen, 'me', 15_999)).toBe(1);
    expect(heldForMs(seen, 'me', 16_000)).toBe(0);
  });

  it('is held anew whenever it changes, and not when we merely look again', () => {
    let seen = observe(undefined, lease(theirs), 0);
    seen = observe(seen, lease(theirs), 9_000);
    expect(heldForMs(seen, 'me', 9_000)).toBe(6_000);
    seen = observe(seen, lease(theirs, '2'), 10_000);
    expect(heldForMs(seen, 'me', 10_000)).toBe(15_000);
    seen = observe(seen, lease(theirs, '2', 'made anew'), 12_000);
    expect(heldForMs(seen, 'me', 12_000)).toBe(15_000);
  });

  it.each<[string, LeaseSpec]>([
    ['released', { holderIdentity: '', leaseDurationSeconds: 1 }],
    ['without a holder', {}],
    ['our own from before a restart', { holderIdentity: 'me', leaseDurationSeconds: 15 }],
  ])('may be taken at once when it is %s', (_what, spec) => {
    expect(heldForMs(observe(undefined, lease(spec), 0), 'me', 0)).toBe(0);
  });
});

describe('the spec that is written', () => {
  it('counts a transition only when the holder changes, and keeps the time of acquisition otherwise', () => {
    const first = claimSpec(undefined, 'me', 15_000, wall);
    expect(first).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    const renewed = claimSpec(first, 'me', 15_000, wall + 2_000);
    expect(renewed).toMatchObject({ acquireTime: first.acquireTime, renewTime: '2026-01-01T00:00:02.000000Z' });
    const taken = claimSpec(renewed, 'other', 15_000, wall + 30_000);
    expect(taken).toMatchObject({ leaseTransitions: 1, acquireTime: '2026-01-01T00:00:30.000000Z' });
  });

  it('never asks for less than the duration, in whole seconds', () => {
    expect(claimSpec(undefined, 'me', 1_500, wall).leaseDurationSeconds).toBe(2);
  });

  it('leaves a valid lease without a holder behind', () => {
    const released = releaseSpec(claimSpec(undefined, 'me', 15_000, wall), wall);
    expect(released).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 0 });
  });
});
