// When a machine is held down, for how long, and what ends that.
import { describe, expect, it } from '@jest/globals';
import { at, noon } from '../../../test/builders/job.ts';
import { decideHold, type FailedStart, type HoldDecision, type HoldInput } from './decide.ts';
import { calm, formatHold, parseHold, type HoldState } from './state.ts';

const minute = 60;
const hour = 60 * minute;

/** A machine's days: each step is at a number of seconds after noon. */
class Days {
  state: HoldState = calm;
  last: HoldDecision | undefined;

  step(seconds: number, o: Partial<Omit<HoldInput, 'state' | 'nowMs'>> = {}): HoldDecision {
    const others = { held: 0, machines: 40 };
    const facts = { lost: false, lifted: false, starts: [], others, ...o };
    const decision = decideHold({ ...facts, state: this.state, nowMs: noon + seconds * 1000 });
    // As a restart does: only what the annotation holds is known at the next step.
    this.state = parseHold(formatHold(decision.state) ?? undefined);
    this.last = decision;
    return decision;
  }

  /** Lost for a minute. */
  outage(seconds: number): HoldDecision {
    this.step(seconds, { lost: true });
    return this.step(seconds + minute);
  }
}

const failure = (of: string, seconds: number, evidence = true): FailedStart => ({
  of,
  atMs: noon + seconds * 1000,
  evidence,
});

describe('a machine that is lost and comes back', () => {
  it('is not held for the first time', () => {
    const days = new Days();
    expect(days.step(0, { lost: true })).toMatchObject({ held: false, news: [], state: { lost: true } });
    expect(days.step(minute)).toMatchObject({ held: false, news: [] });
    expect(days.state.troubles).toEqual([{ at: at(minute), reason: 'MachineLost' }]);
  });

  it('is held for a minute when it happens twice within an hour, and longer each time after', () => {
    const days = new Days();
    days.outage(0);
    const held = days.outage(10 * minute);
    expect(held).toMatchObject({
      held: true,
      news: ['HeldDown'],
      lookAgainInMs: 60_000,
      state: {
        until: at(12 * minute),
        count: 1,
        reason: 'MachineLost',
        message: 'held down for 60 s (for the first time): it was lost and came back 2 times within an hour',
      },
    });
    expect(days.outage(20 * minute)).toMatchObject({ state: { until: at(23 * minute), count: 2 } });
    expect(days.outage(30 * minute)).toMatchObject({ state: { until: at(35 * minute), count: 3 } });
    for (let count = 4; count < 10; count++) days.outage(30 * minute + count * 100);
    expect(Date.parse(days.state.until ?? '') - noon).toBe((30 * minute + 900 + minute + hour) * 1000);
  });

  it('is not held when that is more than an hour apart', () => {
    const days = new Days();
    days.outage(0);
    expect(days.outage(hour + minute)).toMatchObject({ held: false, news: [] });
  });

  it('counts once however often it is looked at', () => {
    const days = new Days();
    days.step(0, { lost: true });
    days.step(10, { lost: true });
    days.step(20);
    expect(days.step(30)).toMatchObject({ held: false });
    expect(days.state.troubles).toHaveLength(1);
  });

  it('is free again when its time is over, and says so', () => {
    const days = new Days();
    days.outage(0);
    days.outage(10 * minute);
    expect(days.step(12 * minute - 1)).toMatchObject({ held: true, news: [], lookAgainInMs: 1_000 });
    const over = days.step(12 * minute);
    expect(over).toMatchObject({ held: false, news: ['HoldOver'], state: { count: 1 } });
    expect(over.state.until).toBeUndefined();
    expect(days.step(12 * minute + 1).news).toEqual([]);
  });

  it('is forgiven after six hours of calm', () => {
    const days = new Days();
    days.outage(0);
    days.outage(10 * minute);
    days.step(12 * minute);
    const lastS = 11 * minute;
    const almost = days.step(lastS + 6 * hour - 1);
    expect(almost).toMatchObject({ state: { count: 1 }, lookAgainInMs: 1_000 });
    days.step(lastS + 6 * hour);
    expect(formatHold(days.state)).toBeNull();
    expect(days.last?.lookAgainInMs).toBeUndefined();
  });
});

describe('a machine on which guests do not start', () => {
  it('is held after two of them within an hour', () => {
    const days = new Days();
    expect(days.step(10, { starts: [failure('a/1', 0)] })).toMatchObject({ held: false });
    const starts = [failure('a/1', 0), failure('b/1', 60)];
    expect(days.step(70, { starts })).toMatchObject({
      held: true,
      state: {
        reason: 'StartFailed',
        message: 'held down for 60 s (for the first time): guests failed to start on it 2 times within an hour',
      },
    });
    // The same two are no news.
    expect(days.step(200, { starts })).toMatchObject({ held: false, news: ['HoldOver'] });
  });

  it('is held for one of them together with one loss', () => {
    const days = new Days();
    days.outage(0);
    expect(days.step(100, { starts: [failure('a/1', 90)] })).toMatchObject({
      held: true,
      state: {
        message: expect.stringMatching(
          /it was lost and came back once and guests failed to start on it once within an hour$/,
        ),
      },
    });
  });

  it('is not held for jobs that fail everywhere, also when that shows only later', () => {
    const days = new Days();
    days.step(10, { starts: [failure('a/1', 0)] });
    const starts = [failure('a/1', 0, false), failure('b/1', 60, false), failure('c/1', 70)];
    expect(days.step(80, { starts })).toMatchObject({ held: false });
    expect(days.state.troubles.map(({ of }) => of)).toEqual(['c/1']);
  });

  it.each([
    [3, 15, true],
    [3, 14, false],
    [0, 1, true],
    [1, 2, false],
  ])('when %i of %i other machines are held already: %s', (held, machines, expected) => {
    const starts = [failure('a/1', 0), failure('b/1', 1)];
    expect(new Days().step(10, { starts, others: { held, machines } }).held).toBe(expected);
  });

  it('is held whatever the others do when it was lost twice', () => {
    const days = new Days();
    days.outage(0);
    days.step(100, { lost: true });
    expect(days.step(200, { others: { held: 40, machines: 40 } })).toMatchObject({ held: true });
  });
});

describe('an admin who takes the annotation away', () => {
  it('lifts the hold, and what was before does not count again', () => {
    const days = new Days();
    const starts = [failure('a/1', 0), failure('b/1', 60)];
    days.step(70, { starts });
    days.state = calm;
    expect(days.step(80, { starts, lifted: true })).toMatchObject({ held: false, news: ['HoldLifted'] });
    expect(days.state).toMatchObject({ lifted: at(80), troubles: [] });
    expect(days.step(90, { starts })).toMatchObject({ held: false, news: [] });
    const more = [...starts, failure('c/1', 100), failure('d/1', 110)];
    expect(days.step(120, { starts: more })).toMatchObject({ held: true, state: { count: 1 } });
  });

  it('leaves no trace after an hour', () => {
    const days = new Days();
    days.step(0, { lifted: true });
    expect(days.last?.lookAgainInMs).toBe(3_600_000);
    days.step(hour);
    expect(formatHold(days.state)).toBeNull();
  });
});

describe('the annotation', () => {
  it.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['no object', '7'],
    ['an unreadable time', '{"count": 1, "until": "soon"}'],
  ])('of %s remembers nothing', (_name, text) => {
    expect(parseHold(text)).toEqual(calm);
  });

  it('is read as far as it makes sense', () => {
    const text = JSON.stringify({ until: at(60), count: -4, troubles: 'many', reason: 7, more: true });
    expect(parseHold(text)).toEqual({ ...calm, until: at(60) });
  });

  it('is read as it was written', () => {
    const days = new Days();
    days.outage(0);
    const { state } = days.outage(10 * minute);
    expect(parseHold(formatHold(state) ?? undefined)).toEqual(state);
  });
});
