// When guests are held back, and when no longer.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Session } from '../presence/readings.ts';
import { decideActivity, habits, habitsBy, signAge, type Activity, type Signs } from './decide.ts';

const second = 1_000;
/** What comes of signs at these seconds, looked at every 200 ms until `untilS`: the moments at which it turned, s. */
function turns(signsS: readonly number[], untilS: number, stopped: (s: number) => boolean = () => false): number[] {
  let activity: Activity = { active: false };
  const turned: number[] = [];
  for (let nowMs = 0; nowMs <= untilS * second; nowMs += 200) {
    const last = signsS.findLast((sign) => sign * second <= nowMs);
    const ageMs = last === undefined ? undefined : nowMs - last * second;
    const next = decideActivity(activity, { ageMs, stopped: stopped(nowMs / second) }, nowMs);
    if (next.active !== activity.active) turned.push(nowMs / second);
    activity = next;
  }
  return turned;
}

describe('an owner', () => {
  it.each<[string, readonly number[], readonly number[]]>([
    ['who never comes is never active', [], []],
    ['is active at the first key, and for ten seconds after a single one', [3], [3, 13]],
    ['who types for less than five seconds counts as a passing hand', [3, 4, 5, 6, 7.8], [3, 17.8]],
    ['who types for five seconds is waited for a whole minute', [3, 5, 8], [3, 68]],
    ['who reads between two keys goes on', [3, 8, 60, 100], [3, 160]],
    ['who comes back is active at once', [3, 20], [3, 13, 20, 30]],
    ['is not made active twice by the same key', [3], [3, 13]],
  ])('%s', (_what, signs, expected) => {
    expect(turns(signs, 200)).toEqual(expected);
  });

  it('who said "stop now" is active until "lend again" and the calm after it', () => {
    expect(turns([], 200, (s) => s >= 5 && s < 100)).toEqual([5, 159.8]);
  });

  it('is active for a while even where no calm is asked for', () => {
    const hasty = { ...habits, calmAfterShortMs: 1_000, dwellMs: 5_000 };
    const began: Activity = { active: true, beganMs: 0, lastMs: 0 };
    expect(decideActivity(began, { stopped: false }, 4_999, hasty).active).toBe(true);
    expect(decideActivity(began, { stopped: false }, 5_000, hasty).active).toBe(false);
  });

  it('is no longer active when the machine is lent again, which its policy may want sooner', () => {
    const began: Activity = { active: true, beganMs: 0, lastMs: 30_000 };
    const lentAfterTen = habitsBy(10_000);
    expect(decideActivity(began, { stopped: false }, 39_999, lentAfterTen).active).toBe(true);
    expect(decideActivity(began, { stopped: false }, 40_000, lentAfterTen).active).toBe(false);
    expect(habitsBy(600_000)).toEqual(habits);
  });

  it('is active at once at any fresh sign, and never without one for longer than a minute', () => {
    const ages = fc.array(fc.option(fc.integer({ min: 0, max: 200_000 }), { nil: undefined }), { maxLength: 40 });
    fc.assert(
      fc.property(ages, (steps) => {
        let activity: Activity = { active: false };
        let lastMs = Number.NEGATIVE_INFINITY;
        steps.forEach((ageMs, index) => {
          const nowMs = index * 7_000;
          const signs: Signs = { ageMs, stopped: false };
          activity = decideActivity(activity, signs, nowMs);
          if (ageMs !== undefined) lastMs = Math.max(lastMs, nowMs - ageMs);
          if (nowMs - lastMs < habits.calmAfterShortMs) expect(activity.active).toBe(true);
          if (nowMs - lastMs >= habits.calmAfterLongMs) expect(activity.active).toBe(false);
        });
      }),
    );
  });
});

describe('a sign of a person', () => {
  const session = (o: Partial<Session>): Session => ({
    ...{ id: '1', isUser: true, graphical: true, remote: false, active: true, locked: false, ageMs: 900_000, ...o },
  });
  it.each([
    ['nothing that can be read is none', {}, undefined],
    ['a key', { inputMs: 40 }, 40],
    ['a login', { inputMs: 90_000, sessions: [session({ ageMs: 300 })] }, 300],
    ['an unlocked screen', { sessions: [session({ unlockedMs: 70 })] }, 70],
    ['a greeter is none', { inputMs: 90_000, sessions: [session({ isUser: false, ageMs: 0 })] }, 90_000],
  ])('%s', (_what, readings, expected) => {
    expect(signAge(readings)).toBe(expected);
  });
});
