// A seal names who held the lease, says that it changed hands, and is no sign of life.
import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../api/kubernetes.ts';
import { isSealed, sealedHolderOf, sealOf } from './seal.ts';

const held: Lease = {
  metadata: { name: 'pc-1', namespace: 'n', resourceVersion: '7', annotations: { a: 'b' } },
  spec: {
    holderIdentity: 'pc-1_a',
    leaseDurationSeconds: 10,
    renewTime: 'then',
    acquireTime: 'before',
    leaseTransitions: 3,
  },
};

describe('a seal', () => {
  it('changes the holder and the count of holders, and nothing else', () => {
    expect(sealOf(held)).toEqual({
      ...held,
      spec: { ...held.spec, holderIdentity: 'lost:pc-1_a', leaseTransitions: 4 },
    });
    expect(held.spec?.holderIdentity).toBe('pc-1_a');
  });

  it('is not put on twice', () => {
    expect(sealOf(sealOf(held))).toEqual(sealOf(held));
  });

  it.each<[string, Lease, string | undefined]>([
    ['a lease that is held', held, undefined],
    ['a sealed one', sealOf(held), 'pc-1_a'],
    ['a sealed one that nobody held', sealOf({ metadata: { name: 'pc-1' } }), ''],
    ['one without a spec', { metadata: { name: 'pc-1' } }, undefined],
    ['one whose holder only looks like it', { ...held, spec: { holderIdentity: 'pc-lost:1' } }, undefined],
  ])('is read from %s', (_name, lease, holder) => {
    expect(sealedHolderOf(lease)).toBe(holder);
    expect(isSealed(lease)).toBe(holder !== undefined);
  });
});
