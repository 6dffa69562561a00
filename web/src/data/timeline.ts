// The story of a job as rows of bars and marks: one row per attempt, newest first, and what it waited for in between.
// Promises: pure; bars of a row follow each other without a gap; the totals of all bars are the time from submission to the end.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';

export type BarKind = 'waiting' | 'starting' | 'running' | 'frozen' | 'lost';

interface Bar {
  readonly kind: BarKind;
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

interface Mark {
  readonly at: number;
  readonly title: string;
  readonly detail: string;
}

interface AttemptRow {
  readonly number: number;
  readonly node: string;
  readonly bars: readonly Bar[];
  readonly marks: readonly Mark[];
  readonly end?: string;
}

export interface Story {
  readonly from: number;
  readonly to: number;
  readonly open: boolean;
  readonly rows: readonly AttemptRow[];
  /** ms by kind. */
  readonly totals: Readonly<Record<BarKind, number>>;
}

/** @param nowMs the server's time: the end of what is still going on. */
export function storyOf({ metadata, status = {} }: ComputeJob, nowMs: number): Story {
  const finished = timeOf(status.finishTime);
  const attempts = status.attempts ?? [];
  const began = [metadata.creationTimestamp, status.publication?.at, attempts[0]?.claimed].map(
    (at) => timeOf(at) ?? Infinity,
  );
  const from = Math.min(...began, finished ?? nowMs);
  const to = Math.max(from + 1, finished ?? nowMs);
  const totals = { waiting: 0, starting: 0, running: 0, frozen: 0, lost: 0 };
  let before = from;
  const rows = attempts.map((attempt): AttemptRow => {
    const claimed = within(timeOf(attempt.claimed) ?? before, before, to);
    const ended = within(timeOf(attempt.ended) ?? to, claimed, to);
    const started = within(timeOf(attempt.started) ?? ended, claimed, ended);
    const lost = Math.min((attempt.secondsLost ?? 0) * 1000, ended - started);
    const still = Math.min((attempt.secondsStill ?? 0) * 1000, ended - started - lost);
    const bars: Bar[] = [
      { kind: 'waiting', from: before, to: claimed, label: 'waiting for a machine' },
      { kind: 'starting', from: claimed, to: started, label: `starting on ${attempt.node}` },
      { kind: 'running', from: started, to: ended - lost - still, label: `running on ${attempt.node}` },
      { kind: 'frozen', from: ended - lost - still, to: ended - lost, label: 'stood still' },
      { kind: 'lost', from: ended - lost, to: ended, label: 'work that was lost' },
    ];
    before = ended;
    const marks = (status.interruptions ?? [])
      .filter((line) => line.attempt === attempt.number)
      .map(({ at, reason, message, node, toNode }) => ({
        at: within(timeOf(at) ?? claimed, from, to),
        title: words(reason),
        detail: message ?? [node, toNode].filter(Boolean).join(' to '),
      }));
    return {
      number: attempt.number,
      node: attempt.node,
      bars: bars.filter((bar) => bar.to > bar.from),
      marks,
      ...(attempt.reason === undefined ? {} : { end: words(attempt.reason) }),
    };
  });
  if (before < to && finished === undefined && (attempts.length === 0 || attempts.at(-1)?.ended !== undefined)) {
    const label = 'waiting for a machine';
    rows.push({
      number: attempts.length + 1,
      node: '',
      bars: [{ kind: 'waiting', from: before, to, label }],
      marks: [],
    });
  }
  for (const { bars } of rows) for (const bar of bars) totals[bar.kind] += bar.to - bar.from;
  return { from, to, open: finished === undefined, rows: rows.reverse(), totals };
}

/** OwnerReturned: Owner returned. */
export function words(reason: string): string {
  const spaced = reason.replaceAll(/(?<=[a-z])([A-Z])/g, (_, letter: string) => ` ${letter.toLowerCase()}`);
  return spaced;
}

function timeOf(at: string | undefined): number | undefined {
  const ms = Date.parse(at ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function within(at: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, at));
}
