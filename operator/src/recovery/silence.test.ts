// What a machine says of its own silence, and how an operator that comes later takes it.
import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../api/kubernetes.ts';
import { FakeClock } from '../kube/clock.ts';
import { microTime } from '../kube/micro-time.ts';
import { annotations } from '../model/names.ts';
import { recentSilence } from './leases.ts';
import { LeaseObservations } from './observations.ts';
import { silenceNote, silenceOf } from './silence.ts';

const startMs = Date.UTC(2026, 0, 1);

/** A lease that was silent from 0 s until `until`, and last renewed at `renewed`, both s. */
function lease(until: number | undefined, renewed: number): Lease {
  const before: Lease = { metadata: { name: 'pc-1' }, spec: { renewTime: microTime(startMs) } };
  const note = until === undefined ? {} : silenceNote(before, startMs + until * 1000);
  const spec = { holderIdentity: 'pc-1_a', leaseDurationSeconds: 10, renewTime: microTime(startMs + renewed * 1000) };
  return { metadata: { name: 'pc-1', resourceVersion: `${renewed}`, annotations: note }, spec };
}

function ofSeconds(seconds: string): string {
  return `{"seconds":${seconds},"until":"${microTime(startMs + 62_000)}"}`;
}

describe('the silence of a machine', () => {
  it.each([
    [undefined, 2, undefined],
    [2, 2, undefined],
    [4.9, 5, undefined],
    [62, 62, { ms: 62_000, untilMs: startMs + 62_000, agoMs: 0 }],
    [62, 90, { ms: 62_000, untilMs: startMs + 62_000, agoMs: 28_000 }],
  ])('that ended after %s s is, of a lease renewed at %s s: %j', (until, renewed, told) => {
    expect(silenceOf(lease(until, renewed))).toEqual(told);
  });

  it.each([
    '',
    'nonsense',
    '[]',
    'null',
    '{"seconds":"62","until":"now"}',
    '{"seconds":62}',
    ofSeconds('0'),
    ofSeconds('-62'),
    ofSeconds('1e999'),
  ])('is not what somebody else wrote there: %j', (text) => {
    const { metadata, spec } = lease(62, 62);
    const written = { ...metadata, annotations: { [annotations.silence]: text } };
    expect(silenceOf({ metadata: written, ...(spec && { spec }) })).toBeUndefined();
  });

  it('explains to an operator that comes later, for a minute, why guests ended there', async () => {
    const clock = new FakeClock();
    // Whatever the time is here.
    clock.setWallClock(0);
    const seen = new LeaseObservations(clock);
    seen.saw('agent', 'pc-1', lease(62, 300));
    for (let second = 0; second < 60; second += 2) {
      expect(recentSilence(seen, 'pc-1')).toBe(62_000);
      await clock.advance(2_000);
      seen.saw('agent', 'pc-1', lease(62, 302 + second));
    }
    expect(recentSilence(seen, 'pc-1')).toBeUndefined();
  });

  it('explains it, too, to one that came a moment before the silence ended', () => {
    const seen = new LeaseObservations(new FakeClock());
    seen.saw('agent', 'pc-1', lease(undefined, 0));
    seen.saw('agent', 'pc-1', lease(62, 62));
    expect(recentSilence(seen, 'pc-1')).toBe(62_000);
  });

  it.each([
    ['long ago', 62 + 901],
    ['after its last renewal', 30],
  ])('explains nothing when it ended %s', (_when, renewed) => {
    const seen = new LeaseObservations(new FakeClock());
    seen.saw('agent', 'pc-1', lease(62, renewed));
    expect(recentSilence(seen, 'pc-1')).toBeUndefined();
  });
});
