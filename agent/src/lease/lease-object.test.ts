// What a renewal says of the time before it.
import { describe, expect, it } from '@jest/globals';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import { annotations } from '@idlewild/operator/model/names.ts';
import { silenceOf } from '@idlewild/operator/recovery/silence.ts';
import { claimedLease } from './lease-object.ts';

const startMs = Date.UTC(2026, 0, 1);
const node = { metadata: { name: 'pc-1', uid: 'u' } } as Node;
const terms = { leaseSeconds: 10, switchAfterSeconds: 7.5, checkSeconds: 0.6, killSeconds: 0.5 };

function claim(previous: Lease | undefined, second: number, boot = 'one', silentMs?: number): Lease {
  const nowMs = startMs + second * 1000;
  return claimedLease(previous, {
    namespace: 'idlewild-machines',
    holder: 'pc-1_a',
    node,
    boot,
    terms,
    nowMs,
    silentMs,
  });
}

describe('a lease that is renewed', () => {
  it('says nothing of silence as long as there was none', () => {
    const lease = claim(claim(claim(undefined, 0), 2), 6.5);
    expect(lease.metadata.annotations).not.toHaveProperty([annotations.silence]);
  });

  it('says for how long its machine was silent, and keeps saying so', () => {
    const heard = claim(claim(undefined, 0), 62);
    expect(silenceOf(heard)).toMatchObject({ ms: 62_000, agoMs: 0 });
    expect(silenceOf(claim(heard, 64))).toMatchObject({ ms: 62_000, agoMs: 2_000 });
    expect(silenceOf(claim(claim(heard, 64), 74))).toMatchObject({ ms: 10_000, agoMs: 0 });
  });

  it('says nothing of the time for which its machine was off, nor of a clock that was set back', () => {
    expect(silenceOf(claim(claim(undefined, 0), 62, 'two'))).toBeUndefined();
    expect(silenceOf(claim(claim(undefined, 62), 0))).toBeUndefined();
  });

  it('counts by what its machine has measured, if it has, and not by a clock that was set meanwhile', () => {
    const first = claim(undefined, 0);
    expect(silenceOf(claim(first, 3_602, 'one', 2_000))).toBeUndefined();
    expect(silenceOf(claim(first, -3_600, 'one', 62_000))).toMatchObject({ ms: 62_000, agoMs: 0 });
  });
});
