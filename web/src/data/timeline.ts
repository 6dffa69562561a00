// The story of a job as rows of bars: one row per attempt, newest first, with what it waited for before it and what came in between; and
// the same as lines that can be read.
// Promises: pure; bars of a row follow each other without a gap; the totals of all bars are the time from submission to the end.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { clamp, interruptionsOf, timeOf, words, type Moment, type Span, type SpanKind } from './timeline-spans.ts';

export { words } from './timeline-spans.ts';

export const barKinds = ['waiting', 'parked', 'starting', 'running', 'frozen', 'moving', 'parking', 'lost'] as const;
export type BarKind = (typeof barKinds)[number];

interface Bar {
  readonly kind: BarKind;
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

interface AttemptRow {
  readonly number: number;
  /** Where its guest was, one after the other; none while it has no machine. */
  readonly nodes: readonly string[];
  readonly bars: readonly Bar[];
  readonly marks: readonly Moment[];
  readonly end?: string;
}

/** What happened, as a line of a table. */
export interface StoryLine {
  readonly kind: BarKind | 'moment';
  readonly from: number;
  /** The same as `from` for what took no time. */
  readonly to: number;
  /** It goes on. */
  readonly open: boolean;
  readonly title: string;
  readonly detail: string;
  readonly attempt: number;
}

export interface Story {
  readonly from: number;
  readonly to: number;
  readonly open: boolean;
  readonly rows: readonly AttemptRow[];
  /** Oldest first. */
  readonly lines: readonly StoryLine[];
  /** ms by kind. */
  readonly totals: Readonly<Record<BarKind, number>>;
  /** Time in which guests stood still, of which it is not known any more when: ms, and within the other totals. */
  readonly unplacedMs: number;
}

/** @param nowMs the server's time: the end of what is still going on. */
export function storyOf({ metadata, status = {} }: ComputeJob, nowMs: number): Story {
  const finished = timeOf(status.finishTime);
  const attempts = status.attempts ?? [];
  const begun = [metadata.creationTimestamp, status.publication?.at, attempts[0]?.claimed].map(
    (at) => timeOf(at) ?? Infinity,
  );
  const from = Math.min(...begun, finished ?? nowMs);
  const to = Math.max(from + 1, finished ?? nowMs);
  const rows: AttemptRow[] = [];
  const lines: StoryLine[] = [];
  let unplacedMs = 0;
  let before = from;
  let afterPark = false;
  for (const attempt of attempts) {
    const claimed = clamp(timeOf(attempt.claimed) ?? before, before, to);
    const ended = clamp(timeOf(attempt.ended) ?? to, claimed, to);
    const started = clamp(timeOf(attempt.started) ?? ended, claimed, ended);
    const open = attempt.ended === undefined && finished === undefined;
    const {
      spans,
      moments,
      places,
      unplacedMs: more,
    } = interruptionsOf(status, { attempt, from: claimed, to: ended, open });
    unplacedMs += more;
    const { number } = attempt;
    const began = places[0]?.node ?? attempt.node;
    const wait = waitBar(before, claimed, afterPark);
    const ground: Bar[] = [
      { kind: 'starting', from: claimed, to: started, label: `starting on ${began}` },
      ...places.map(({ at, node }, index): Bar => {
        const from = Math.max(at, started);
        return {
          kind: 'running',
          from,
          to: Math.max(from, places[index + 1]?.at ?? ended),
          label: `running on ${node}`,
        };
      }),
    ];
    rows.push({
      number,
      nodes: places.map(({ node }) => node),
      bars: joined([wait, ...ground.flatMap((bar) => cutBy(bar, spans))].filter((bar) => bar.to > bar.from)),
      marks: moments,
      ...(attempt.reason === undefined ? {} : { end: words(attempt.reason) }),
    });
    const told = (line: Omit<StoryLine, 'attempt'>): void => void lines.push({ ...line, attempt: number });
    if (claimed > before) told(waitLine(wait, false));
    const onItsWay = attempt.started === undefined && open;
    told({
      ...{ kind: 'starting', from: claimed, to: started, open: onItsWay, title: `Started on ${began}`, detail: '' },
    });
    for (const span of spans) told(span);
    for (const { at, title, detail } of moments) told({ kind: 'moment', from: at, to: at, open: false, title, detail });
    if (attempt.reason !== undefined) {
      const end = { title: words(attempt.reason), detail: attempt.message ?? '' };
      told({ kind: 'moment', from: ended, to: ended, open: false, ...end });
    }
    before = ended;
    afterPark = attempt.reason === 'Parked';
  }
  if (before < to && finished === undefined && (attempts.length === 0 || attempts.at(-1)?.ended !== undefined)) {
    const number = (attempts.at(-1)?.number ?? 0) + 1;
    const wait = waitBar(before, to, afterPark);
    rows.push({ number, nodes: [], bars: [wait], marks: [] });
    lines.push({ ...waitLine(wait, true), attempt: number });
  }
  const totals = Object.fromEntries(barKinds.map((kind) => [kind, 0])) as Record<BarKind, number>;
  for (const { bars } of rows) for (const bar of bars) totals[bar.kind] += bar.to - bar.from;
  lines.sort((a, b) => a.from - b.from || a.to - b.to);
  return { from, to, open: finished === undefined, rows: rows.reverse(), lines, totals, unplacedMs };
}

function waitBar(from: number, to: number, afterPark: boolean): Bar {
  return afterPark
    ? { kind: 'parked', from, to, label: 'parked: saved, and first in line' }
    : { kind: 'waiting', from, to, label: 'waiting for a machine' };
}

function waitLine({ kind, from, to }: Bar, open: boolean): Omit<StoryLine, 'attempt'> {
  return { kind, from, to, open, title: kind === 'parked' ? 'Parked' : 'Waited for a machine', detail: '' };
}

/** What is drawn where several hold: what hurts the user most. */
const weight: Readonly<Record<SpanKind, number>> = { moving: 1, frozen: 2, parking: 3, lost: 4 };
const labels: Readonly<Record<SpanKind, string>> = {
  frozen: 'stood still',
  moving: 'on its way to another machine',
  parking: 'saving its work',
  lost: 'work that was lost',
};

/** The bar, with the spans in their places and without a gap. */
function cutBy(bar: Bar, spans: readonly Span[]): Bar[] {
  const cuts = [bar.from, bar.to, ...spans.flatMap(({ from, to }) => [from, to])]
    .filter((at) => at >= bar.from && at <= bar.to)
    .sort((a, b) => a - b);
  const pieces: Bar[] = [];
  for (const [index, from] of cuts.entries()) {
    const to = cuts[index + 1] ?? from;
    if (to <= from) continue;
    let worst: SpanKind | undefined;
    for (const span of spans) {
      if (span.from > from || span.to < to) continue;
      if (worst === undefined || weight[span.kind] > weight[worst]) worst = span.kind;
    }
    const whole = { kind: worst ?? bar.kind, label: worst === undefined ? bar.label : labels[worst] };
    pieces.push({ ...whole, from, to });
  }
  return pieces;
}

/** What goes on as it was is one bar. */
function joined(bars: readonly Bar[]): Bar[] {
  const whole: Bar[] = [];
  for (const bar of bars) {
    const last = whole.at(-1);
    if (last?.kind === bar.kind && last.label === bar.label) whole[whole.length - 1] = { ...last, to: bar.to };
    else whole.push(bar);
  }
  return whole;
}
