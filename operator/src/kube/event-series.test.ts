// Which events are sent, and as what.
import { describe, expect, it } from '@jest/globals';
import { defaultSeriesOptions, EventSeries, type EventText, type Observed, type Regarding } from './event-series.ts';

const job: Regarding = {
  apiVersion: 'idlewild.dev/v1alpha1',
  kind: 'ComputeJob',
  namespace: 'lab',
  name: 'a',
  uid: 'u1',
};
const text = (message: string): EventText => ({ type: 'Normal', reason: 'Claimed', action: 'Claim', message });

function sent(observed: Observed, atMs: number): Observed {
  if (observed.kind === 'create' || observed.kind === 'update') {
    observed.series.sentCount = observed.series.count;
    observed.series.sentAtMs = atMs;
  }
  return observed;
}

describe('a series of events', () => {
  it('is created by the first, told at the second, and then gathered for ten seconds at a time', () => {
    const series = new EventSeries();
    const kinds = [0, 1_000, 2_000, 10_999, 11_000, 12_000, 21_000].map(
      (at) => sent(series.observe(job, text('same'), at, at), at).kind,
    );
    expect(kinds).toEqual(['create', 'update', 'later', 'later', 'update', 'later', 'update']);
  });

  it('counts every occurrence and remembers the last', () => {
    const series = new EventSeries();
    for (let at = 0; at < 50; at++) sent(series.observe(job, text('same'), 1_000_000 + at, at), at);
    const last = series.observe(job, text('same'), 2_000_000, 50);
    expect(last).toMatchObject({ series: { count: 51, firstAtMs: 1_000_000, lastAtMs: 2_000_000 } });
  });

  it('ends after six quiet minutes', () => {
    const series = new EventSeries();
    series.observe(job, text('same'), 0, 0);
    expect(series.observe(job, text('same'), 0, 6 * 60_000).kind).not.toBe('create');
    expect(series.observe(job, text('same'), 0, 12 * 60_000 + 1).kind).toBe('create');
  });

  it.each<[string, Regarding, EventText]>([
    ['message', job, text('other')],
    ['object', { ...job, name: 'b' }, text('same')],
    ['uid', { ...job, uid: 'u2' }, text('same')],
    ['reason', job, { ...text('same'), reason: 'Other' }],
    ['type', job, { ...text('same'), type: 'Warning' }],
  ])('is another one for another %s', (_what, regarding, other) => {
    const series = new EventSeries();
    series.observe(job, text('same'), 0, 0);
    expect(series.observe(regarding, other, 0, 0).kind).toBe('create');
  });

  it('gives each object an allowance of its own, which comes back with time', () => {
    const series = new EventSeries({ ...defaultSeriesOptions, burst: 2, refillMs: 1_000 });
    const kinds = ['a', 'b', 'c'].map((message) => series.observe(job, text(message), 0, 0).kind);
    expect(kinds).toEqual(['create', 'create', 'dropped']);
    expect(series.observe({ ...job, name: 'other' }, text('c'), 0, 0).kind).toBe('create');
    expect(series.observe(job, text('c'), 0, 1_000).kind).toBe('create');
  });

  it('never remembers more than its capacity', () => {
    const series = new EventSeries({ ...defaultSeriesOptions, capacity: 10 });
    for (let i = 0; i < 1_000; i++) series.observe({ ...job, name: `job-${i}` }, text('x'), 0, 0);
    expect(series.size).toBeLessThanOrEqual(10);
  });
});
