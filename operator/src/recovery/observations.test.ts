// Silence is counted by our own clock, and only while the API server is heard.
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../kube/clock.ts';
import { isFallingSilent } from './leases.ts';
import { LeaseObservations } from './observations.ts';

describe('lease observations', () => {
  it('count from the last change, whatever time the lease itself carries', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('pc-1', '1999-01-01T00:00:00Z');
    await clock.advance(5_000);
    seen.saw('pc-1', '1999-01-01T00:00:00Z');
    expect(seen.of('pc-1')).toEqual({ silentMs: 5_000, renewed: false });
    seen.saw('pc-1', '2050-01-01T00:00:00Z');
    clock.setWallClock(0);
    await clock.advance(2_000);
    expect(seen.of('pc-1')).toEqual({ silentMs: 2_000, renewed: true });
  });

  it('give a machine that is seen for the first time the full time, with or without a lease', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    expect(seen.of('pc-1')).toEqual({ silentMs: 0, renewed: false });
    await clock.advance(3_000);
    seen.saw('pc-1', 'first');
    expect(seen.of('pc-1')).toEqual({ silentMs: 0, renewed: false });
  });

  it('start anew for all machines when the API server is heard again', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    seen.saw('pc-1', 'a');
    seen.lostSight();
    await clock.advance(60_000);
    expect(seen.blind).toBe(true);
    seen.regainedSight();
    expect(seen.blind).toBe(false);
    expect(seen.of('pc-1').silentMs).toBe(0);
    await clock.advance(1_000);
    seen.regainedSight();
    expect(seen.of('pc-1').silentMs).toBe(1_000);
  });

  it('tell of a machine that falls silent long before it is lost, if it was heard and we can hear', async () => {
    const clock = new FakeClock();
    const seen = new LeaseObservations(clock);
    for (const [machine, renewals] of [
      ['pc-1', 3],
      ['pc-2', 1],
    ] as const)
      for (let n = 0; n < renewals; n++) seen.saw(machine, `${n}`);
    const silent = (): boolean[] => ['pc-1', 'pc-2', 'pc-3'].map((name) => isFallingSilent(seen, name, 15_000));
    await clock.advance(5_000);
    expect(silent()).toEqual([false, false, false]);
    await clock.advance(1);
    expect(silent()).toEqual([true, false, false]);
    seen.lostSight();
    expect(silent()).toEqual([false, false, false]);
  });
});
