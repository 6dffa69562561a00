// Silence is counted by our own clock, and only while the API server is heard.
import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../api/kubernetes.ts';
import { FakeClock } from '../kube/clock.ts';
import { isFallingSilent, recentSilence } from './leases.ts';
import { LeaseObservations } from './observations.ts';
import { sealOf } from './seal.ts';

const patience = { lostAfterMs: 15_000, leaseDurationMs: 10_000, leaseMarginMs: 1_000 };

const renewedAt = (renewTime: string): Lease => ({ metadata: { name: 'pc-1' }, spec: { renewTime } });

/** As an agent keeps it. */
function held(holder: string, version: number): Lease {
  const spec = { holderIdentity: holder, leaseDurationSeconds: 10, renewTime: '2026-01-01T00:00:00.000000Z' };
  return { metadata: { name: 'pc-1', resourceVersion: String(version) }, spec };
}

describe('observations of kubelets', () => {
  it('count from the last change, whatever time the lease itself carries', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('kubelet', 'pc-1', renewedAt('1999-01-01T00:00:00Z'));
    await clock.advance(5_000);
    seen.saw('kubelet', 'pc-1', renewedAt('1999-01-01T00:00:00Z'));
    expect(seen.of('pc-1')).toEqual({ silentMs: 5_000, renewed: false });
    seen.saw('kubelet', 'pc-1', renewedAt('2050-01-01T00:00:00Z'));
    clock.setWallClock(0);
    await clock.advance(2_000);
    expect(seen.of('pc-1')).toEqual({ silentMs: 2_000, renewed: true });
  });

  it('give a machine that is seen for the first time the full time, with or without a lease', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    expect(seen.of('pc-1')).toMatchObject({ silentMs: 0, renewed: false });
    await clock.advance(3_000);
    seen.saw('kubelet', 'pc-1', renewedAt('first'));
    expect(seen.of('pc-1')).toEqual({ silentMs: 0, renewed: false });
  });

  it('start anew for all machines when the API server is heard again', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('kubelet', 'pc-1', renewedAt('a'));
    seen.lostSight('kubelet');
    await clock.advance(60_000);
    expect(seen.blind).toBe(true);
    seen.regainedSight('kubelet');
    expect(seen.blind).toBe(false);
    expect(seen.of('pc-1').silentMs).toBe(0);
    await clock.advance(1_000);
    seen.regainedSight('kubelet');
    expect(seen.of('pc-1').silentMs).toBe(1_000);
  });

  it('tell of a machine that falls silent long before it is lost, if it was heard and we can hear', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    for (const [machine, renewals] of [
      ['pc-1', 3],
      ['pc-2', 1],
    ] as const)
      for (let n = 0; n < renewals; n++) seen.saw('kubelet', machine, renewedAt(`${n}`));
    const silent = (): boolean[] => ['pc-1', 'pc-2', 'pc-3'].map((name) => isFallingSilent(seen, name, patience));
    await clock.advance(5_000);
    expect(silent()).toEqual([false, false, false]);
    await clock.advance(1);
    expect(silent()).toEqual([true, false, false]);
    seen.lostSight('kubelet');
    expect(silent()).toEqual([false, false, false]);
  });
});

describe('observations of agents', () => {
  it('count instead of those of kubelets, by resourceVersion: a clock that stands still on the machine does not matter', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('kubelet', 'pc-1', renewedAt('a'));
    seen.saw('agent', 'pc-1', held('pc-1_a', 1));
    await clock.advance(3_000);
    seen.saw('kubelet', 'pc-1', renewedAt('b'));
    expect(seen.of('pc-1')).toEqual({ silentMs: 3_000, renewed: false, agent: { sealed: false, durationMs: 10_000 } });
    seen.saw('agent', 'pc-1', held('pc-1_a', 2));
    expect(seen.of('pc-1')).toMatchObject({ silentMs: 0, renewed: true });
    seen.saw('agent', 'pc-1', held('pc-1_a', 2));
    await clock.advance(1_000);
    expect(seen.of('pc-1').silentMs).toBe(1_000);
  });

  it('take neither a seal nor what is told late of the time before it for a sign of life', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('agent', 'pc-1', held('pc-1_a', 1));
    await clock.advance(11_000);
    const sealed = { ...sealOf(held('pc-1_a', 3)), metadata: { name: 'pc-1', resourceVersion: '4' } };
    seen.saw('agent', 'pc-1', sealed);
    seen.saw('agent', 'pc-1', held('pc-1_a', 3));
    expect(seen.of('pc-1')).toMatchObject({ silentMs: 11_000, renewed: false, agent: { sealed: true } });
    seen.saw('agent', 'pc-1', held('pc-1_b', 5));
    expect(seen.of('pc-1')).toMatchObject({ silentMs: 0, renewed: true, agent: { sealed: false } });
  });

  it('that end with their lease give the machine the full time again, though its kubelet has long been silent', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('kubelet', 'pc-1', renewedAt('a'));
    seen.saw('agent', 'pc-1', held('pc-1_a', 1));
    await clock.advance(600_000);
    seen.saw('agent', 'pc-1', undefined);
    await clock.advance(2_000);
    expect(seen.of('pc-1')).toEqual({ silentMs: 2_000, renewed: false, maybeAgent: true });
    seen.saw('kubelet', 'pc-1', renewedAt('b'));
    seen.saw('agent', 'pc-1', undefined);
    expect(seen.of('pc-1')).toMatchObject({ silentMs: 0, maybeAgent: true });
  });

  it('do not know of a machine that nobody ever told of whether it has an agent', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    expect(seen.of('pc-1')).toEqual({ silentMs: 0, renewed: false, maybeAgent: true });
    await clock.advance(4_000);
    expect(seen.of('pc-1')).toEqual({ silentMs: 4_000, renewed: false, maybeAgent: true });
  });

  it('give every machine half of its time when their leases are heard of again, and nothing is concluded before', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('agent', 'pc-1', held('pc-1_a', 1));
    seen.lostSight('agent');
    seen.lostSight('kubelet');
    await clock.advance(30_000);
    seen.regainedSight('kubelet');
    expect(seen.blind).toBe(true);
    seen.regainedSight('agent');
    expect([seen.blind, seen.of('pc-1').silentMs]).toEqual([false, 5_000]);
  });

  it('count on over a short time in which nothing was heard, and give half of the time after a long one', async () => {
    const silentAfter = async (blindMs: number): Promise<number> => {
      const clock = new FakeClock();
      const seen = new LeaseObservations(clock);
      seen.saw('agent', 'pc-1', held('pc-1_a', 1));
      await clock.advance(1_500);
      seen.lostSight('agent');
      await clock.advance(blindMs);
      seen.regainedSight('agent');
      return seen.of('pc-1').silentMs;
    };
    expect(await silentAfter(3_000)).toBe(4_500);
    expect(await silentAfter(3_500)).toBe(5_000);
    expect(await silentAfter(600_000)).toBe(5_000);
  });

  it('take what was written while nothing was heard for news of now, in whatever order it is told', async () => {
    for (const early of [true, false]) {
      const clock = new FakeClock();
      const seen = new LeaseObservations(clock);
      seen.saw('agent', 'pc-1', held('pc-1_a', 1));
      seen.lostSight('agent');
      await clock.advance(4_000);
      if (early) seen.saw('agent', 'pc-1', held('pc-1_a', 2));
      seen.regainedSight('agent');
      if (!early) seen.saw('agent', 'pc-1', held('pc-1_a', 2));
      expect(seen.of('pc-1').silentMs).toBe(0);
    }
  });

  it('remember for a minute that an agent was silent for so long that it may have ended its guests', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('agent', 'pc-1', held('pc-1_a', 1));
    seen.saw('kubelet', 'pc-2', renewedAt('a'));
    await clock.advance(4_999);
    const silence = () => [recentSilence(seen, 'pc-1'), recentSilence(seen, 'pc-2')];
    expect(silence()).toEqual([undefined, undefined]);
    await clock.advance(2_001);
    expect(silence()).toEqual([7_000, undefined]);
    seen.saw('agent', 'pc-1', held('pc-1_a', 2));
    await clock.advance(2_000);
    seen.saw('agent', 'pc-1', held('pc-1_a', 3));
    expect(silence()).toEqual([7_000, undefined]);
    await clock.advance(58_000);
    seen.saw('agent', 'pc-1', held('pc-1_a', 4));
    expect(silence()).toEqual([58_000, undefined]);
  });

  it('remember silence, too, of which they could not tell whose it was', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('agent', 'pc-1', held('pc-1_a', 1));
    seen.lostSight('agent');
    await clock.advance(20_000);
    seen.regainedSight('agent');
    expect(recentSilence(seen, 'pc-1')).toBe(20_000);
    await clock.advance(1_000);
    seen.saw('agent', 'pc-1', held('pc-1_a', 2));
    expect(recentSilence(seen, 'pc-1')).toBe(21_000);
    await clock.advance(4_000);
    seen.saw('agent', 'pc-1', held('pc-1_a', 3));
    for (let second = 0; second < 60; second += 2) {
      seen.saw('agent', 'pc-1', held('pc-1_a', 4 + second));
      await clock.advance(2_000);
    }
    expect(recentSilence(seen, 'pc-1')).toBeUndefined();
  });
});
